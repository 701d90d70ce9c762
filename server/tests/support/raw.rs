//! HTTP/1.1 read and written by hand, so that hyper is not both sides of a comparison.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One message, taken apart by the plainest reading of RFC 9112 there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub start: String,
    /// Names as they came.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    pub framing: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    None,
    Length,
    Chunked,
    Close,
}

impl Message {
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}

/// Bytes come one connection, messages go.
#[derive(Debug)]
pub struct Reader<R> {
    stream: R,
    buffer: Vec<u8>,
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Bytes beyond ASCII as Latin-1, so that none is lost.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Without its CRLF. A line that ends otherwise is an error.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = line.strip_suffix(b"\r\n").ok_or_else(|| bad("a bare LF"))?;
                if line.contains(&b'\r') || line.contains(&0) {
                    return Err(bad(format!("a control character in {:?}", text(line))));
                }
                return Ok(Some(text(line)));
            }
            if !self.more().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(bad("cut within a line")) };
            }
        }
    }

    async fn exactly(&mut self, len: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < len {
            if !self.more().await? {
                return Err(bad("cut within a body"));
            }
        }
        Ok(self.buffer.drain(..len).collect())
    }

    async fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line().await?.ok_or_else(|| bad("cut within a head"))?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("no field: {line:?}")))?;
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                return Err(bad(format!("no field name: {name:?}")));
            }
            fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    async fn chunked(&mut self) -> io::Result<(Vec<u8>, Vec<(String, String)>)> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?.ok_or_else(|| bad("cut within chunks"))?;
            let digits = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(digits, 16).map_err(|_| bad(format!("no chunk size: {line:?}")))?;
            if size == 0 {
                return Ok((body, self.fields().await?));
            }
            body.extend(self.exactly(size).await?);
            if self.exactly(2).await? != b"\r\n" {
                return Err(bad("no end of chunk"));
            }
        }
    }

    async fn message(&mut self, start: String, has_body: bool, to_the_end: bool) -> io::Result<Message> {
        let fields = self.fields().await?;
        let mut message = Message { start, fields, body: Vec::new(), trailers: Vec::new(), framing: Framing::None };
        let (codings, lengths) = (message.values("transfer-encoding"), message.values("content-length"));
        if !codings.is_empty() && (!lengths.is_empty() || codings.len() > 1) {
            return Err(bad("two framings"));
        }
        if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(bad("two lengths"));
        }
        let length = lengths.first().map(|length| length.parse::<usize>().map_err(|_| bad("no length"))).transpose()?;
        let is_chunked = codings.first().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        match (has_body, is_chunked, length) {
            (false, ..) => {}
            (true, true, _) => {
                (message.body, message.trailers) = self.chunked().await?;
                message.framing = Framing::Chunked;
            }
            (true, false, Some(length)) => {
                message.body = self.exactly(length).await?;
                message.framing = Framing::Length;
            }
            (true, false, None) if to_the_end => {
                while self.more().await? {}
                message.body = std::mem::take(&mut self.buffer);
                message.framing = Framing::Close;
            }
            (true, false, None) => {}
        }
        Ok(message)
    }

    pub async fn request(&mut self) -> io::Result<Option<Message>> {
        let Some(start) = self.line().await? else { return Ok(None) };
        self.message(start, true, false).await.map(Some)
    }

    /// Interim answers are read past and returned beside the final one.
    pub async fn response(&mut self, method: &str) -> io::Result<Option<(Vec<Message>, Message)>> {
        let mut interim = Vec::new();
        loop {
            let Some(start) = self.line().await? else { return Ok(None) };
            let status: u16 = start.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad("no status"))?;
            let has_body = method != "HEAD" && !matches!(status, 100..200 | 204 | 304);
            let message = self.message(start, has_body, true).await?;
            match status {
                100..=199 if status != 101 => interim.push(message),
                _ => return Ok(Some((interim, message))),
            }
        }
    }
}

/// Sends bytes as they are and reads what comes until the other side closes; a side that waits for more is told that
/// there is none.
pub async fn converse(address: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A side that refuses early may close before it has taken everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let patient = std::time::Duration::from_millis(1500);
    if tokio::time::timeout(patient, stream.read_to_end(&mut answer)).await.is_err() {
        let _ = stream.shutdown().await;
        let _ = tokio::time::timeout(super::DEADLINE, stream.read_to_end(&mut answer)).await;
    }
    answer
}

/// Binds a port of its own.
pub async fn listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
