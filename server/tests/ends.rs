//! How the program ends: what is running finishes, what is on the wire is answered, a second signal is obeyed at once.

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::DEADLINE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

const BIN: &str = env!("CARGO_BIN_EXE_understudy");
const REQUEST: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers each request after `pause`.
async fn slow_api(pause: Duration) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let mut bytes = Vec::new();
                while matches!(stream.read_buf(&mut bytes).await, Ok(n) if n > 0) {
                    if bytes.ends_with(b"\r\n\r\n") {
                        bytes.clear();
                        tokio::time::sleep(pause).await;
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                    }
                }
            });
        }
    });
    (address, tasks)
}

struct Program {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Program {
    async fn start(upstream: SocketAddr) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(BIN);
        command.env_clear().current_dir(dir.path()).kill_on_drop(true);
        command.env("TARGET_URL", format!("http://{upstream}")).env("LISTEN_ADDR", address.to_string());
        command.env("SHUTDOWN_GRACE", "20s").env("LOG", "error");
        let child = command.spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(begun.elapsed() < DEADLINE, "it must listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { child, address, _dir: dir }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\nok") {
        let read = tokio::time::timeout(DEADLINE, stream.read_buf(&mut bytes)).await.expect("an answer in time");
        if !matches!(read, Ok(n) if n > 0) {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_at_the_signal_finishes_and_nothing_new_begins() {
    for name in ["TERM", "INT"] {
        let (upstream, _tasks) = slow_api(Duration::from_secs(1)).await;
        let mut program = Program::start(upstream).await;
        let mut running = Vec::new();
        for _ in 0..20 {
            let mut stream = program.connect().await;
            stream.write_all(REQUEST).await.unwrap();
            running.push(stream);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        program.signal(name);
        for stream in &mut running {
            let text = answer(stream).await;
            assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("ok"), "{name}: {text:?}");
        }
        assert!(TcpStream::connect(program.address).await.is_err(), "{name}: nobody may be let in any more");
        let ended = tokio::time::timeout(DEADLINE, program.child.wait()).await.expect("it must end").unwrap();
        assert_eq!(ended.code(), Some(0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_sent_before_the_signal_is_answered() {
    let (upstream, _tasks) = slow_api(Duration::from_millis(50)).await;
    let program = Program::start(upstream).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        let mut stream = program.connect().await;
        stream.write_all(REQUEST).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
        idle.push(stream);
    }
    for stream in &mut idle {
        stream.write_all(REQUEST).await.unwrap();
    }
    program.signal("TERM");
    let mut cut = 0;
    for stream in &mut idle {
        cut += usize::from(!answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(cut, 0, "of 50 requests on kept connections");
}

/// A client on a kept connection cannot know that the signal has come: what it sends a moment later was already on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_crosses_the_signal_is_answered() {
    let (upstream, _tasks) = slow_api(Duration::from_millis(5)).await;
    let mut program = Program::start(upstream).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        let mut stream = program.connect().await;
        stream.write_all(REQUEST).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
        idle.push(stream);
    }
    program.signal("TERM");
    tokio::time::sleep(Duration::from_millis(30)).await;
    let mut cut = 0;
    for stream in &mut idle {
        let _ = stream.write_all(REQUEST).await;
    }
    for stream in &mut idle {
        cut += usize::from(!answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(cut, 0, "of 50 requests on kept connections");
    let ended = tokio::time::timeout(DEADLINE, program.child.wait()).await.expect("it must end").unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_is_obeyed_at_once() {
    let (upstream, _tasks) = slow_api(Duration::from_secs(60)).await;
    let mut program = Program::start(upstream).await;
    let mut stream = program.connect().await;
    stream.write_all(REQUEST).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    program.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(program.child.try_wait().unwrap().is_none(), "the first one waits for what is running");
    let asked = Instant::now();
    program.signal("INT");
    let ended = tokio::time::timeout(DEADLINE, program.child.wait()).await.expect("it must end").unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    assert_ne!(ended.code(), Some(0));
}
