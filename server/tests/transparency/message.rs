//! Reads one HTTP/1 message off a socket, as plainly as possible.

use tokio::io::{AsyncRead, AsyncReadExt};

pub(crate) type Fields = Vec<(String, String)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response { to_head: bool },
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    /// The body did not break off.
    pub(crate) complete: bool,
}

/// Bytes still to be read, behind those that were.
struct Source<'a, R> {
    reader: &'a mut R,
    bytes: &'a mut Vec<u8>,
}

impl<R: AsyncRead + Unpin> Source<'_, R> {
    async fn more(&mut self) -> bool {
        matches!(self.reader.read_buf(self.bytes).await, Ok(n) if n > 0)
    }

    /// Without its end.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.bytes.drain(..end + 2).collect();
                return Some(line[..end].iter().copied().map(char::from).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn take(&mut self, length: usize, into: &mut Vec<u8>) -> bool {
        while self.bytes.len() < length {
            if !self.more().await {
                into.append(self.bytes);
                return false;
            }
        }
        into.extend(self.bytes.drain(..length));
        true
    }

    async fn fields(&mut self) -> Option<Fields> {
        let mut fields = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(fields);
            }
            let (name, value) = line.split_once(':')?;
            fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }
}

impl Message {
    /// Interim answers are passed over. `None` when there is no whole head.
    pub(crate) async fn read(reader: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>, kind: Kind) -> Option<Self> {
        let mut source = Source { reader, bytes };
        let (mut start, mut fields) = (source.line().await?, source.fields().await?);
        while kind != Kind::Request && is_interim(&start) {
            (start, fields) = (source.line().await?, source.fields().await?);
        }
        let mut message = Self { start, fields, body: Vec::new(), trailers: Vec::new(), complete: true };
        message.read_body(&mut source, kind).await;
        message.start = without_version(&message.start, kind);
        Some(message)
    }

    async fn read_body<R: AsyncRead + Unpin>(&mut self, source: &mut Source<'_, R>, kind: Kind) {
        let status = self.start.split(' ').nth(1).unwrap_or_default().to_owned();
        let bodiless = matches!(kind, Kind::Response { to_head } if to_head || status == "204" || status == "304");
        if bodiless {
            return;
        }
        if self.field("transfer-encoding").is_some() {
            self.complete = self.read_chunks(source).await.is_some();
        } else if let Some(length) = self.field("content-length") {
            self.complete = source.take(length.parse().unwrap(), &mut self.body).await;
        } else if kind != Kind::Request {
            while source.more().await {}
            self.body.append(source.bytes);
        }
    }

    async fn read_chunks<R: AsyncRead + Unpin>(&mut self, source: &mut Source<'_, R>) -> Option<()> {
        loop {
            let line = source.line().await?;
            let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            if size == 0 {
                self.trailers = source.fields().await?;
                return Some(());
            }
            if !source.take(size, &mut self.body).await || !source.line().await?.is_empty() {
                return None;
            }
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let values = self.fields_named(name);
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn fields_named(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
    }
}

fn is_interim(start: &str) -> bool {
    start.split(' ').nth(1).is_some_and(|status| status.starts_with('1') && status != "101")
}

/// Each hop speaks its own version (RFC 9110 §2.5).
fn without_version(start: &str, kind: Kind) -> String {
    match kind {
        Kind::Request => start.rsplit_once(' ').map_or(start, |(rest, _)| rest).to_owned(),
        Kind::Response { .. } => start.split_once(' ').map_or(start, |(_, rest)| rest).to_owned(),
    }
}
