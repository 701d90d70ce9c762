//! The two servers that a figure is compared with besides nginx, both on nothing but hyper.
//!
//! ```text
//! reference static ADDRESS           answers every request with one JSON document of 1 KB
//! reference proxy ADDRESS UPSTREAM   forwards as it is, over hyper-util's pooled client
//! ```
//!
//! The first one is also the upstream that every proxy stands in front of.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

const BODY_BYTES: usize = 1024;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["static", address] => serve_static(bind(address).await?).await,
        ["proxy", address, upstream] => {
            serve_proxy(bind(address).await?, upstream.parse().context("UPSTREAM is not host:port")?).await
        }
        _ => bail!("usage: reference static ADDRESS | reference proxy ADDRESS UPSTREAM"),
    }
}

async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))
}

async fn serve_static(listener: TcpListener) -> anyhow::Result<()> {
    let body = Bytes::from(document());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(body.clone()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            std::future::ready(Ok::<_, Infallible>(response))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn serve_proxy(listener: TcpListener, upstream: SocketAddr) -> anyhow::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        let service = service_fn(move |mut req: Request<Incoming>| {
            let path = req.uri().path_and_query().map_or("/", |path| path.as_str());
            let uri = format!("http://{upstream}{path}").parse::<Uri>();
            *req.uri_mut() = uri.expect("a valid path behind a socket address is a URI");
            client.request(req)
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// One kilobyte to the byte, with the kinds of values that APIs send.
fn document() -> Vec<u8> {
    let item = |n: usize| {
        format!(
            r#"{{"id":{n},"name":"Item number {n}","price":{n}.25,"active":true,"tags":["red","blue"],"created_at":"2024-05-0{n}T10:00:00Z"}}"#
        )
    };
    let items: Vec<String> = (1..=7).map(item).collect();
    let mut document = format!(r#"{{"total":7,"items":[{}],"note":""#, items.join(","));
    let end = "\"}";
    let padding = BODY_BYTES - document.len() - end.len();
    document.extend(std::iter::repeat_n('x', padding));
    document.push_str(end);
    document.into_bytes()
}
