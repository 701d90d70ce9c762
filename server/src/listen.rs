//! Our own accept loop: hyper with its timers on, a cap on connections, and an end that lets running exchanges finish.
//!
//! `axum::serve` sets no timer, so a client that never finishes its head would hold a connection for ever.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::handles::Handles;
use crate::proxy::body::Body;
use crate::proxy::{self, Peer};

/// For a request head; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection costs some tens of kilobytes; more of them than this wait to be accepted.
const MAX_CONNECTIONS: usize = 10_000;
/// HTTP/2 requests of one connection at once.
const MAX_STREAMS: u32 = 256;
/// Running exchanges get this long at the end.
const DRAIN: Duration = Duration::from_secs(10);
/// After a failed accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a listener serves.
#[derive(Debug, Clone)]
pub struct Site {
    pub handles: Arc<Handles>,
    /// Dashboard and admin API.
    pub control: axum::Router,
    pub role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The API, and what is ours under `/admin` and at `/` for browsers.
    Both,
    Api,
    Control,
}

/// Accepts until `stop` turns true, then drains.
pub async fn run(listener: TcpListener, site: Site, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = service(&site, peer);
        let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is not news.
            if let Err(error) = connection.await {
                tracing::trace!(error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("exchanges were still running after {} s and were cut off", DRAIN.as_secs());
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are written whole; waiting to fill a packet would only add latency.
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

fn service(
    site: &Site,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = std::convert::Infallible,
    Future = impl Future<Output = Result<Response<Body>, std::convert::Infallible>> + Send + 'static + use<>,
>
+ Send
+ 'static
+ use<> {
    let forwarded_for = peer.ip().to_canonical().to_string().parse().expect("an IP address is visible ASCII");
    let peer = Peer { forwarded_for };
    let site = site.clone();
    service_fn(move |req| {
        let is_ours = match site.role {
            Role::Both => is_ours(&req),
            Role::Api => false,
            Role::Control => true,
        };
        let (handles, peer) = (Arc::clone(&site.handles), peer.clone());
        let control = is_ours.then(|| site.control.clone());
        async move {
            Ok(match control {
                Some(control) => control_response(control, req).await,
                None => proxy::handle(handles, peer, req).await,
            })
        }
    })
}

/// `/admin…`, and `/` when a browser navigates to it; everything else belongs to the API.
fn is_ours(req: &Request<Incoming>) -> bool {
    let path = req.uri().path();
    if path.strip_prefix("/admin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return true;
    }
    path == "/" && req.method() == Method::GET && accepts_html(req)
}

fn accepts_html(req: &Request<Incoming>) -> bool {
    let values = req.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().is_some_and(|r| r.trim() == "text/html"))
}

async fn control_response(control: axum::Router, req: Request<Incoming>) -> Response<Body> {
    let response = control.oneshot(req.map(axum::body::Body::new)).await;
    response.unwrap_or_else(|never| match never {}).map(Body::Control)
}
