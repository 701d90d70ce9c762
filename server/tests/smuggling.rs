//! Requests that two servers could read differently: whatever we pass on must be framed as nginx frames it, and what is
//! ambiguous is refused.
//!
//! Each payload goes as it stands over a raw socket. Behind the proxy stands a sink that reads strictly and remembers what
//! requests it was sent. The same payload goes through nginx to a sink of its own. Two readings agree when the lists of
//! requests are equal, or when one begins with the other and the server with the shorter one refused what came then:
//! refusing is no disagreement about where a message ends.

#[path = "smuggling/payloads.rs"]
mod payloads;
#[path = "smuggling/sink.rs"]
mod sink;
mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use payloads::{Expect, Payload};
use sink::{Seen, Sink};
use support::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Nothing more comes after this much silence; what a payload leaves unfinished is never answered.
const QUIET: Duration = Duration::from_millis(700);
const AT_ONCE: usize = 16;

/// What a client got back.
#[derive(Debug)]
struct Answer {
    statuses: Vec<u16>,
    closed: bool,
}

async fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let mut buffer = [0; 8192];
    let closed = loop {
        match tokio::time::timeout(QUIET, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(n)) => text.extend_from_slice(&buffer[..n]),
            Err(_) => break false,
        }
    };
    let text = String::from_utf8_lossy(&text);
    let heads = text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse().ok());
    Answer { statuses: heads.filter(|status| *status != 100).collect(), closed }
}

/// Every payload against one front, a few at a time, each with a path of its own.
async fn send_all(address: SocketAddr, payloads: &[Payload]) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = payloads.iter().map(|_| None).collect();
    for (round, some) in payloads.chunks(AT_ONCE).enumerate() {
        let mut running = JoinSet::new();
        for (i, payload) in some.iter().enumerate() {
            let index = round * AT_ONCE + i;
            let bytes = payload.bytes(index);
            running.spawn(async move { (index, send(address, &bytes).await) });
        }
        while let Some(done) = running.join_next().await {
            let (index, answer) = done.unwrap();
            answers[index] = Some(answer);
        }
    }
    answers.into_iter().map(Option::unwrap).collect()
}

/// What is wrong with our own handling of one payload, if anything.
fn verdict(payload: &Payload, answer: &Answer, seen: &[Seen]) -> Option<String> {
    let wrong = |what: &str| Some(format!("{}: {what}; answered {answer:?}, passed on {seen:?}", payload.name()));
    if seen.iter().any(|seen| seen.target.contains("smuggled")) {
        return wrong("a smuggled request reached upstream");
    }
    match payload.expect {
        Expect::Refused if !seen.is_empty() => wrong("it must be refused, and was passed on"),
        Expect::Refused if !answer.statuses.iter().all(|status| (400..600).contains(status)) => wrong("not refused"),
        Expect::Refused if !answer.closed => wrong("the connection stays open after a refusal"),
        Expect::BadRequest if seen.iter().any(|seen| seen.complete) => wrong("it must be refused, and was passed on"),
        Expect::BadRequest if answer.statuses != [400] => wrong("the answer is not one 400"),
        Expect::BadRequest if !answer.closed => wrong("the connection stays open after a 400"),
        Expect::Requests(n) if seen.iter().filter(|seen| seen.complete).count() != n => {
            wrong("another number of requests")
        }
        Expect::Requests(n) if answer.statuses.len() != n => wrong("another number of answers"),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ambiguous_passes_and_nginx_frames_the_rest_alike() {
    let payloads = payloads::all();
    let classes: BTreeSet<_> = payloads.iter().map(|payload| payload.class).collect();
    assert!(payloads.len() >= 100 && classes.len() >= 20, "{} payloads, {} classes", payloads.len(), classes.len());

    let ours = Sink::start().await;
    let server = Server::start(ours.address).await;
    let answers = send_all(server.app.api(), &payloads).await;
    let wrong: Vec<String> = payloads
        .iter()
        .enumerate()
        .filter_map(|(index, payload)| verdict(payload, &answers[index], &ours.seen(index)))
        .chain(ours.malformed())
        .collect();

    let dir = tempfile::tempdir().unwrap();
    let theirs = Sink::start().await;
    let disagreements = match Nginx::start(dir.path(), theirs.address).await {
        Some(nginx) => {
            let reference = send_all(nginx.address, &payloads).await;
            assert!((0..payloads.len()).any(|index| !theirs.complete(index).is_empty()), "nginx passes nothing on");
            disagreements(&payloads, (&ours, &answers), (&theirs, &reference))
        }
        None => {
            println!("skipped: nginx is not installed, so there is no second opinion");
            Vec::new()
        }
    };
    println!(
        "{} payloads in {} classes, {} disagreements with nginx",
        payloads.len(),
        classes.len(),
        disagreements.len()
    );
    server.stop().await;
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(disagreements.is_empty(), "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}

fn disagreements(payloads: &[Payload], ours: (&Sink, &[Answer]), theirs: (&Sink, &[Answer])) -> Vec<String> {
    let compare = |(index, payload): (usize, &Payload)| {
        let (a, b) = (ours.0.complete(index), theirs.0.complete(index));
        let shorter = a.len().min(b.len());
        let refused = |passed: usize, answer: &Answer| {
            passed > shorter || answer.closed && answer.statuses.last().is_none_or(|status| *status >= 400)
        };
        let agree = a[..shorter] == b[..shorter]
            && (a.len() == b.len() || refused(a.len(), &ours.1[index]) && refused(b.len(), &theirs.1[index]));
        (!agree).then(|| format!("{}: we passed on {a:?}, nginx {b:?}", payload.name()))
    };
    payloads.iter().enumerate().filter_map(compare).collect()
}

/// nginx in front of a sink, ended when dropped.
struct Nginx {
    address: SocketAddr,
    child: Child,
}

impl Nginx {
    /// `None` where nginx is not installed.
    async fn start(dir: &Path, upstream: SocketAddr) -> Option<Self> {
        let binary = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).exists())?;
        let address = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap()
        };
        let dir = dir.display();
        let config = format!(
            "daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;\nevents {{}}\nhttp {{ access_log off;
             client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
             server {{ listen {address}; location / {{ proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} }}"
        );
        let file = format!("{dir}/nginx.conf");
        std::fs::write(&file, config).unwrap();
        let child = Command::new(binary)
            .args(["-c", &file, "-e", &format!("{dir}/error.log")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { address, child };
        for _ in 0..500 {
            if TcpStream::connect(address).await.is_ok() {
                return Some(nginx);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nginx does not start");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets the master end its worker as well.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
