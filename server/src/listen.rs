//! Our own accept loop: hyper with its timers on, limits for what one client may take, and an end that lets running
//! exchanges finish.
//!
//! `axum::serve` sets no timer, so a client that never finishes its head would hold a connection for ever.

mod guard;
mod socket;
mod stream;
pub mod tls;
mod workers;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use self::socket::Socket;
use self::stream::{Stream, Switch};
pub use self::workers::Workers;
use crate::config::ListenLimits;
use crate::descriptors;
use crate::projects::Projects;
use crate::proxy;
use crate::proxy::body::Body;
use crate::proxy::chaos::Cut;
use crate::proxy::headers::Peer;
use crate::proxy::respond::error_response;
use crate::vitals::{Part, Vitals};

/// HTTP/2 requests of one connection at once.
const MAX_STREAMS: u32 = 256;
/// An HTTP/2 client that is silent for the one and then does not answer a ping within the other is gone.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// After a failed accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that are told at once that there is no place; beyond these there is not even time to say so.
const MAX_TURNED_AWAY: usize = 256;
/// For a client to take the refusal in, so that closing does not take it away from it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Once the server ends, a connection that is silent or idle gets this long: what its client sends now was on its way before
/// it could know.
const LAST_WORD: Duration = Duration::from_millis(200);
/// Of one connection; bodies pass in pieces of at most this size.
const MAX_BUFFER_BYTES: usize = 128 << 10;

/// Where a request for what is ours comes from, among its extensions.
#[derive(Debug, Clone, Copy)]
pub struct From(pub IpAddr);

/// What a listener serves.
#[derive(Debug, Clone)]
pub struct Site {
    pub projects: Arc<Projects>,
    /// Dashboard and admin API.
    pub control: axum::Router,
    /// Where `control` runs: what it computes must not keep the connections of one thread waiting.
    pub main: tokio::runtime::Handle,
    pub role: Role,
    /// With it, TLS is all that is spoken.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The API, and what is ours under `/admin` and at `/` for browsers.
    Both,
    Api,
    Control,
}

/// Accepts until `stop` turns true, then drains.
pub async fn run(listener: TcpListener, site: Site, workers: Arc<Workers>, stop: watch::Receiver<bool>) {
    let limits = site.projects.config().limits;
    let most = descriptors::places(limits.connections);
    let places = Arc::new(Semaphore::new(most));
    // They take descriptors, too.
    let refusals = Arc::new(Semaphore::new(descriptors::places(MAX_TURNED_AWAY * 4) / 4));
    // Every connection holds a sender; when the last one is gone, so are the connections.
    let (running, mut ended) = mpsc::channel::<Infallible>(1);
    let admit = |socket: TcpStream, address, place| {
        let (site, stop, held) = (site.clone(), stop.clone(), (place, running.clone()));
        workers.serve(socket, move |socket, lane| async move {
            serve(socket, address, (site, lane), stop).await;
            drop(held);
        });
    };
    let mut stopped = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let (socket, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                vitals(&site).fail(Part::Listener, format!("accept a connection: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            vitals(&site).fail(Part::Listener, format!("all of the {most} connections are taken: more are refused"));
            turn_away(socket, &refusals);
            continue;
        };
        vitals(&site).recover(Part::Listener);
        // Answers are written whole; waiting to fill a packet would only add latency.
        let _ = socket.set_nodelay(true);
        admit(socket, address, place);
    }
    // What the kernel has accepted for us may have a request in it already.
    while let Some(Ok((socket, address))) = listener.accept().now_or_never() {
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            admit(socket, address, place);
        }
    }
    drop((listener, running));
    if tokio::time::timeout(limits.grace, ended.recv()).await.is_err() {
        tracing::warn!("exchanges were still running after {} s and were cut off", limits.grace.as_secs_f32());
    }
}

fn vitals(site: &Site) -> Arc<Vitals> {
    Arc::clone(site.projects.current().store.vitals())
}

/// Never waits: who has no place must not cost one.
fn turn_away(mut socket: TcpStream, refusals: &Arc<Semaphore>) {
    let Ok(permit) = Arc::clone(refusals).try_acquire_owned() else { return };
    tokio::spawn(async move {
        let farewell = async {
            socket.write_all(no_place().as_bytes()).await?;
            socket.shutdown().await?;
            // Closing over unread bytes would reset the connection, and the client might lose what we said.
            let mut unread = [0; 1024];
            while socket.read(&mut unread).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        drop(permit);
    });
}

/// Our envelope, made without hyper.
fn no_place() -> String {
    let body =
        "{\"error\":{\"code\":\"too_many_connections\",\"message\":\"all connections are taken\",\"details\":null}}";
    let length = body.len();
    let fields = "content-type: application/json\r\nx-understudy-source: none\r\nx-understudy-reason: all connections are taken\r\nretry-after: 1\r\nconnection: close";
    format!("HTTP/1.1 503 Service Unavailable\r\n{fields}\r\ncontent-length: {length}\r\n\r\n{body}")
}

async fn serve(socket: TcpStream, address: SocketAddr, (site, lane): (Site, usize), stop: watch::Receiver<bool>) {
    let peer = Arc::new(Peer::new(address.ip(), site.tls.is_some()));
    let socket = Socket::new(socket, Arc::clone(&peer));
    let timeout = site.projects.config().limits.head_timeout;
    match site.tls.clone() {
        None => speak(socket, peer, (site, lane), stop).await,
        // In a box, for a future is as large as the largest of its ways, and most connections go the other one.
        Some(config) => {
            Box::pin(async move {
                match at_first(TlsAcceptor::from(config).accept(socket), timeout, stop.clone()).await {
                    Some(Ok(stream)) => speak(stream, peer, (site, lane), stop).await,
                    Some(Err(error)) => tracing::debug!(%error, "shake hands with a client"),
                    None => {}
                }
            })
            .await;
        }
    }
}

/// What comes before the first request must not take long, and still less when the server ends.
async fn at_first<T>(work: impl Future<Output = T>, timeout: Duration, mut stop: watch::Receiver<bool>) -> Option<T> {
    let ending = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(LAST_WORD).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = tokio::time::sleep(timeout) => None,
        () = ending => None,
    }
}

async fn speak<T>(io: T, peer: Arc<Peer>, (site, lane): (Site, usize), stop: watch::Receiver<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = site.projects.config().limits;
    let mut stream = Stream::new(io, limits.body_timeout);
    let Some(Ok(is_http2)) = at_first(stream.speaks_http2(), limits.head_timeout, stop.clone()).await else { return };
    let service = service(site, lane, peer, stream.switch());
    let io = TokioIo::new(stream);
    // A client that breaks off is not news.
    // In boxes, for a value that is handed on from one future to the next has a place in each of them.
    let ended = if is_http2 {
        let connection = Box::pin(http2_server(&limits).serve_connection(io, service));
        until_stopped(connection, http2::Connection::graceful_shutdown, limits.connection_age, stop).await
    } else {
        let connection = Box::pin(http1_server(&limits).serve_connection(io, service).with_upgrades());
        until_stopped(connection, http1::UpgradeableConnection::graceful_shutdown, limits.connection_age, stop).await
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "connection ended");
    }
}

fn http1_server(limits: &ListenLimits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.head_fields)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(MAX_BUFFER_BYTES));
    server
}

fn http2_server(limits: &ListenLimits) -> http2::Builder<TokioExecutor> {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    server
}

/// Runs a connection; when it is old or the server ends, it is asked to end after what it is doing.
async fn until_stopped<C, E>(
    mut connection: Pin<Box<C>>,
    ask_to_end: impl FnOnce(Pin<&mut C>),
    age: Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let ending = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(LAST_WORD).await;
    };
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = tokio::time::sleep(age) => {}
        () = ending => {}
    }
    ask_to_end(connection.as_mut());
    connection.await
}

fn service(
    site: Site,
    lane: usize,
    peer: Arc<Peer>,
    switch: Switch,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Cut,
    Future = impl Future<Output = Result<Response<Body>, Cut>> + Send + 'static + use<>,
> + Send
+ 'static {
    service_fn(move |mut req: Request<Incoming>| {
        let is_ours = match site.role {
            Role::Both => is_ours(&req),
            Role::Api => false,
            Role::Control => true,
        };
        let switch = req.headers().contains_key(header::UPGRADE).then(|| switch.clone());
        let answering = if is_ours {
            let (control, main) = (site.control.clone(), site.main.clone());
            if let Ok(address) = peer.address().parse() {
                req.extensions_mut().insert(From(address));
            }
            Box::pin(async move { control_response(control, &main, req).await })
        } else {
            // The head has arrived: the exchange belongs to the project that is active now.
            proxy::handle(site.projects.current(), lane, Arc::clone(&peer), req)
        };
        async move {
            let response = answering.await;
            if let Some(switch) = switch {
                switch.decide(response.status() == StatusCode::SWITCHING_PROTOCOLS);
            }
            // The connection ends over it.
            if response.extensions().get::<Cut>().is_some() { Err(Cut) } else { Ok(response) }
        }
    })
}

/// `/admin…`, and `/` when a browser navigates to it; everything else belongs to the API.
fn is_ours(req: &Request<Incoming>) -> bool {
    let path = req.uri().path();
    if path.strip_prefix("/admin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return true;
    }
    path == "/" && req.method() == Method::GET && accepts_page(req.headers())
}

/// Whether a browser navigates: programs ask for data.
pub(crate) fn accepts_page(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().is_some_and(|r| r.trim() == "text/html"))
}

async fn control_response(
    control: axum::Router,
    main: &tokio::runtime::Handle,
    req: Request<Incoming>,
) -> Response<Body> {
    match main.spawn(control.oneshot(req.map(axum::body::Body::new))).await {
        Ok(response) => response.unwrap_or_else(|never| match never {}).map(Body::Control),
        Err(error) => {
            tracing::error!(%error, "answer a request for the admin API");
            let message = "the request could not be answered; the log says why";
            error_response(StatusCode::INTERNAL_SERVER_ERROR, "internal", message, serde_json::Value::Null)
        }
    }
}
