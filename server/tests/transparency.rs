//! The same bytes sent to the API directly and through the proxy: the API sees the same request, the client the same answer.
//!
//! Both ends are raw sockets. What may differ is only what these rules leave out, and nothing else:
//!
//! - hop-by-hop fields and those that `Connection` names (RFC 9110 §7.6.1), and how a body is framed (`Content-Length`,
//!   chunks, or the end of the connection), but not what is in it;
//! - names are compared without regard to case, and fields of one name are compared together, in their order;
//! - towards the API come `X-Forwarded-For`, `-Proto`, `-Host`, `Forwarded` and `Via`, behind what was there before;
//! - towards the client come `Via`, `x-understudy-source` and `x-understudy-reason`, and a `Date` where there was none.

#[path = "transparency/message.rs"]
mod message;
#[path = "transparency/shapes.rs"]
mod shapes;
mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use message::{Fields, Kind, Message};
use shapes::Shape;
use support::{DEADLINE, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "content-length"];
const ADDED_UPWARDS: [&str; 5] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via"];
const ADDED_DOWNWARDS: [&str; 4] = ["via", "x-understudy-source", "x-understudy-reason", "date"];

type Seen = Arc<Mutex<BTreeMap<String, Message>>>;

/// Answers each request with the bytes that its shape names, and remembers how it arrived.
struct Api {
    address: SocketAddr,
    seen: Seen,
    _tasks: JoinSet<()>,
}

impl Api {
    async fn start(shapes: Arc<Vec<Shape>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        let log = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&shapes), Arc::clone(&log)));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    fn take(&self, shape: &str) -> Option<Message> {
        self.seen.lock().unwrap().remove(shape)
    }
}

async fn serve(mut stream: TcpStream, shapes: Arc<Vec<Shape>>, seen: Seen) {
    let mut unread = Vec::new();
    while let Some(request) = Message::read(&mut stream, &mut unread, Kind::Request).await {
        let Some(shape) = request.field("x-shape") else { return };
        let answer = shapes.iter().find(|s| s.name == shape).map(|s| s.answer.clone()).unwrap_or_default();
        seen.lock().unwrap().insert(shape, request);
        // Only an answer that says how long it is leaves the connection usable.
        let ends_by_itself = answer.contains_framing();
        if stream.write_all(&answer.0).await.is_err() || !ends_by_itself {
            return;
        }
    }
}

/// One exchange on a connection of its own.
async fn exchange(address: SocketAddr, shape: &Shape) -> Option<Message> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let request = shape.request.clone();
    let sending = async {
        let _ = writer.write_all(&request).await;
        std::future::pending::<()>().await;
    };
    let kind = Kind::Response { to_head: request.starts_with(b"HEAD ") };
    let mut unread = Vec::new();
    let receiving = Message::read(&mut reader, &mut unread, kind);
    tokio::select! {
        () = sending => None,
        answer = tokio::time::timeout(DEADLINE, receiving) => answer.ok().flatten(),
    }
}

/// Values by name, names in the order of their first appearance.
fn grouped(fields: &Fields, without: &[&str]) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        if without.contains(&name.as_str()) {
            continue;
        }
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.clone()),
            None => groups.push((name, vec![value.clone()])),
        }
    }
    groups
}

/// What a shape's direct message names in `Connection`, and what every hop keeps for itself.
fn hop_by_hop(direct: &Message) -> Vec<String> {
    let named = direct.field("connection").unwrap_or_default().to_ascii_lowercase();
    let named = named.split(',').map(|name| name.trim().to_owned()).filter(|name| name != "host");
    HOP_BY_HOP.iter().map(|name| (*name).to_owned()).chain(named).collect()
}

fn differences(direct: &Message, through: &Message, added: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, a: String, b: String| {
        if a != b {
            found.push(format!("{what}: directly {a}, through us {b}"));
        }
    };
    compare("start line", direct.start.clone(), through.start.clone());
    let hop = hop_by_hop(direct);
    let without: Vec<&str> = hop.iter().map(String::as_str).chain(added.iter().copied()).collect();
    let fields = |message: &Message| format!("{:?}", grouped(&message.fields, &without));
    compare("fields", fields(direct), fields(through));
    for name in added {
        let values = |message: &Message| message.fields_named(name).join(", ");
        let (a, b) = (values(direct), values(through));
        // Ours come last; what names us as the answer's source replaces what another one of us said.
        if !b.starts_with(&a) {
            compare(name, a, b);
        }
    }
    compare("complete", direct.complete.to_string(), through.complete.to_string());
    compare(
        "trailers",
        format!("{:?}", grouped(&direct.trailers, &[])),
        format!("{:?}", grouped(&through.trailers, &[])),
    );
    if direct.body != through.body {
        found.push(format!("body: directly {} bytes, through us {}", direct.body.len(), through.body.len()));
    }
    if let (Some(a), Some(b)) = (direct.field("content-length"), through.field("content-length"))
        && a.trim_start_matches('0') != b.trim_start_matches('0')
    {
        found.push(format!("content-length: directly {a}, through us {b}"));
    }
    found
}

async fn check(shape: &Shape, api: &Api, proxy: SocketAddr) -> Option<String> {
    let answer = exchange(api.address, shape).await;
    let request = api.take(&shape.name);
    let answer_through = exchange(proxy, shape).await;
    let request_through = api.take(&shape.name);
    let mut found = Vec::new();
    match (request, request_through) {
        (Some(direct), Some(through)) => found.extend(differences(&direct, &through, &ADDED_UPWARDS)),
        (direct, through) => {
            found.push(format!("the API got it directly: {}, through us: {}", direct.is_some(), through.is_some()))
        }
    }
    match (answer, answer_through) {
        (Some(direct), Some(through)) => found.extend(differences(&direct, &through, &ADDED_DOWNWARDS)),
        (direct, through) => {
            found.push(format!("answered directly: {}, through us: {}", direct.is_some(), through.is_some()))
        }
    }
    (!found.is_empty()).then(|| format!("{}:\n    {}", shape.name, found.join("\n    ")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_what_was_sent() {
    let shapes = Arc::new(shapes::all());
    assert!(shapes.len() >= 150, "{} shapes", shapes.len());
    let names: std::collections::BTreeSet<_> = shapes.iter().map(|shape| &shape.name).collect();
    assert_eq!(names.len(), shapes.len(), "every shape has a name of its own");
    let api = Api::start(Arc::clone(&shapes)).await;
    let server = Server::start(api.address).await;
    let mut wrong = Vec::new();
    for shape in shapes.iter() {
        wrong.extend(check(shape, &api, server.app.api()).await);
    }
    println!("{} shapes, {} differ", shapes.len(), wrong.len());
    server.stop().await;
    assert!(wrong.is_empty(), "{} of {} shapes differ:\n{}", wrong.len(), shapes.len(), wrong.join("\n"));
}
