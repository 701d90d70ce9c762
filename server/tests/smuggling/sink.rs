//! An upstream that reads strictly and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
    /// False when the body broke off: nothing has been carried out.
    pub(crate) complete: bool,
}

#[derive(Debug, Default)]
struct Log {
    seen: Vec<Seen>,
    malformed: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Log>>,
    _tasks: JoinSet<()>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let shared = Arc::clone(&log);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, log, _tasks: tasks }
    }

    /// The requests that belong to one payload.
    pub(crate) fn seen(&self, index: usize) -> Vec<Seen> {
        let mark = format!("/c{index}/");
        self.log.lock().unwrap().seen.iter().filter(|seen| seen.target.contains(&mark)).cloned().collect()
    }

    pub(crate) fn complete(&self, index: usize) -> Vec<Seen> {
        self.seen(index).into_iter().filter(|seen| seen.complete).collect()
    }

    /// What was not strictly HTTP/1.1, or had no payload's path.
    pub(crate) fn malformed(&self) -> Vec<String> {
        self.log.lock().unwrap().malformed.clone()
    }
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Log>>) {
    let mut bytes = Vec::new();
    loop {
        let head = match read_head(&mut stream, &mut bytes).await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(why) => return log.lock().unwrap().malformed.push(why),
        };
        let (method, target, framing) = match parse(&head) {
            Ok(parsed) => parsed,
            Err(why) => return log.lock().unwrap().malformed.push(format!("{why} in {head:?}")),
        };
        let mut body = Vec::new();
        let complete = match framing {
            Framing::Length(length) => read_exact(&mut stream, &mut bytes, length, &mut body).await,
            Framing::Chunked => read_chunks(&mut stream, &mut bytes, &mut body).await,
        };
        log.lock().unwrap().seen.push(Seen { method, target, body, complete });
        if !complete || stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    matches!(stream.read_buf(bytes).await, Ok(n) if n > 0)
}

async fn read_head(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<Option<String>, String> {
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = bytes.drain(..end + 4).collect();
            return String::from_utf8(head).map(Some).map_err(|_| "a head that is not ASCII".into());
        }
        if !more(stream, bytes).await {
            return if bytes.is_empty() { Ok(None) } else { Err(format!("a head that breaks off: {bytes:?}")) };
        }
    }
}

fn parse(head: &str) -> Result<(String, String, Framing), String> {
    let lines: Vec<&str> = head.trim_end_matches("\r\n").split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n', '\0']) || line.starts_with([' ', '\t'])) {
        return Err("a control character or a folded line".into());
    }
    let mut words = lines[0].split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a wrong request line".into());
    };
    let values = |name: &str| -> Vec<&str> {
        let fields = lines[1..].iter().filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    };
    let framing = match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Framing::Length(0),
        ([length], []) => Framing::Length(length.parse().map_err(|_| "a wrong length")?),
        ([], ["chunked"]) => Framing::Chunked,
        _ => return Err("two framings".into()),
    };
    if !target.contains("/c") {
        return Err("a target of no payload".into());
    }
    Ok((method.into(), target.into(), framing))
}

async fn read_exact(stream: &mut TcpStream, bytes: &mut Vec<u8>, length: usize, body: &mut Vec<u8>) -> bool {
    while bytes.len() < length {
        if !more(stream, bytes).await {
            return false;
        }
    }
    body.extend(bytes.drain(..length));
    true
}

async fn read_line(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
            let line: Vec<u8> = bytes.drain(..end + 2).collect();
            return String::from_utf8(line[..end].to_vec()).ok();
        }
        if !more(stream, bytes).await {
            return None;
        }
    }
}

async fn read_chunks(stream: &mut TcpStream, bytes: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
    loop {
        let Some(line) = read_line(stream, bytes).await else { return false };
        let Ok(size) = usize::from_str_radix(&line, 16) else { return false };
        if size == 0 {
            break;
        }
        let mut end = Vec::new();
        if !read_exact(stream, bytes, size, body).await
            || !read_exact(stream, bytes, 2, &mut end).await
            || end != b"\r\n"
        {
            return false;
        }
    }
    loop {
        match read_line(stream, bytes).await {
            Some(line) if line.is_empty() => return true,
            Some(_) => {}
            None => return false,
        }
    }
}
