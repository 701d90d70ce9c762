//! An API that hands out secrets in every way there is.

use std::convert::Infallible;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use super::planted::{gzip, jwt, of};
use super::support::{self, TestBody, whole};

pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    tasks: JoinSet<()>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream));
            }
        });
        Self { address, tasks }
    }

    pub(crate) async fn stop(&mut self) {
        self.tasks.abort_all();
        support::until("the API to be gone", || async {
            TcpStream::connect(self.address).await.is_err().then_some(())
        })
        .await;
    }
}

/// One request for each connection, so that a WebSocket is known by its first bytes.
async fn serve(stream: TcpStream) {
    let mut head = vec![0; 8192];
    let mut len = 0;
    while !head[..len].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.peek(&mut head).await {
            Ok(read) if read > len => len = read,
            Ok(0) | Err(_) => return,
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
        }
    }
    if String::from_utf8_lossy(&head[..len]).to_ascii_lowercase().contains("upgrade: websocket") {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        while let Some(Ok(Message::Text(_))) = socket.next().await {
            let said = json!({ "type": "hello", "token": of("message of the API") });
            let _ = socket.send(Message::text(said.to_string())).await;
        }
        return;
    }
    let service = service_fn(|req: Request<Incoming>| async {
        let (parts, body) = req.into_parts();
        let _ = body.collect().await;
        let mut answer = answer(&parts);
        answer.headers_mut().insert("connection", "close".parse().unwrap());
        Ok::<_, Infallible>(answer)
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn with(fields: &[(&str, String)], kind: &str, body: impl Into<bytes::Bytes>) -> Response<TestBody> {
    let mut answer = Response::builder().header("content-type", kind);
    for (name, value) in fields {
        answer = answer.header(*name, value);
    }
    answer.body(whole(body)).unwrap()
}

fn redirect(to: String) -> Response<TestBody> {
    let mut answer = with(&[("location", to)], "text/plain", "");
    *answer.status_mut() = http::StatusCode::FOUND;
    answer
}

fn answer(req: &http::request::Parts) -> Response<TestBody> {
    let field = |name: &str| req.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = req.uri.path();
    match path {
        "/login" => support::json(
            200,
            &json!({
                "access_token": of("login access_token"), "refresh_token": of("login refresh_token"), "id_token": jwt("login id_token"),
                "token_type": "Bearer", "expires_in": 3600,
            }),
        ),
        "/me" if field("authorization").ends_with(&of("login access_token")) => {
            support::json(200, &json!({ "id": 7, "name": "Amber" }))
        }
        "/me" => support::json(401, &json!({ "error": "unauthorized" })),
        "/redirect/query" => redirect(format!("/next?page=1&token={}", of("Location query"))),
        "/redirect/fragment" => redirect(format!("/next#access_token={}&token_type=bearer", of("Location fragment"))),
        "/redirect/code" => redirect(format!("http://a.example/callback?code={}&state=xyz", of("Location code"))),
        "/set-cookie" => {
            with(&[("set-cookie", format!("sid={}; Path=/; HttpOnly", of("Set-Cookie")))], "application/json", "{}")
        }
        "/gzip" => {
            let body = gzip(&json!({ "api_key": of("gzip answer") }).to_string());
            with(&[("content-encoding", "gzip".into())], "application/json", body)
        }
        "/deflate" => {
            let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packer, json!({ "secret": of("deflate answer") }).to_string().as_bytes())
                .unwrap();
            with(&[("content-encoding", "deflate".into())], "application/json", packer.finish().unwrap())
        }
        "/page" => with(
            &[],
            "text/html",
            format!("<html><head><meta name=\"csrf-token\" content=\"{}\"></head></html>", of("meta")),
        ),
        "/fields" => {
            let link = format!("<http://amber:{}@a.example/2>; rel=\"next\"", of("Link"));
            with(&[("x-auth-token", of("X-Auth-Token of an answer")), ("link", link)], "application/json", "{}")
        }
        "/events" => {
            with(&[], "text/event-stream", format!("event: in\ndata: {}\n\n", json!({ "token": of("event") })))
        }
        "/lines" => {
            with(&[], "application/x-ndjson", format!("{}\n{}\n", json!({ "a": 1 }), json!({ "secret": of("NDJSON") })))
        }
        "/text" => with(&[], "text/plain", format!("user=amber\npassword={}\n", of("plain text"))),
        "/yaml" => with(&[], "application/yaml", format!("user: amber\napi_key: {}\n", of("YAML"))),
        "/error/page" => {
            let page = format!("<h1>500</h1><pre>{:?}</pre><p>you sent {}</p>", req.headers, field("authorization"));
            let mut answer = with(&[], "text/html", page);
            *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            answer
        }
        "/error/message" => {
            let key =
                req.uri.query().and_then(|query| query.split_once('=')).map_or(field("x-api-key"), |(_, key)| key);
            support::json(403, &json!({ "error": { "message": format!("the key {key} is not known"), "input": key } }))
        }
        _ => support::json(if req.method == "POST" { 201 } else { 200 }, &json!({ "id": 1, "path": "x" })),
    }
}
