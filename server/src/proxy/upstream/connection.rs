//! One connection to upstream, and whether anything has come over it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tower::ServiceExt;

use super::{Connector, UpstreamError, origin_form};
use crate::descriptors;
use crate::proxy::body::{BoxError, Outgoing};

/// An API may send more fields than we take from clients.
const MAX_ANSWER_FIELDS: usize = 256;
/// An HTTP/2 server that owes us an answer, is silent for the one and then does not answer a ping within the other is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// For a descriptor, and between two looks.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Why a request failed; with the request when nothing of it was sent.
pub(super) type Failed = (hyper::Error, Option<Request<Outgoing>>);

/// The end that requests go into; a task of its own moves the bytes.
#[derive(Debug)]
pub(super) enum Connection {
    One(One),
    Two(http2::SendRequest<Outgoing>),
}

/// For one request after the other.
#[derive(Debug)]
pub(super) struct One {
    pub(super) sender: http1::SendRequest<Outgoing>,
    heard: Arc<AtomicBool>,
}

impl Connection {
    /// `prior_knowledge`: HTTP/2 without asking.
    pub(super) async fn make(connector: &Connector, uri: &Uri, prior_knowledge: bool) -> Result<Self, UpstreamError> {
        let stream = connect(connector, uri).await.map_err(UpstreamError::connecting)?;
        let heard = Arc::new(AtomicBool::new(false));
        let (socket, is_http2) = Socket::of(stream);
        let io = TokioIo::new(Ear { socket, heard: Arc::clone(&heard) });
        let lost = |error: hyper::Error| UpstreamError::connecting(error.into());
        if is_http2 || prior_knowledge {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_TIMEOUT);
            let (sender, connection) = builder.handshake(io).await.map_err(lost)?;
            tokio::spawn(async move { drop(connection.await) });
            return Ok(Self::Two(sender));
        }
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_ANSWER_FIELDS);
        let (sender, connection) = builder.handshake(io).await.map_err(lost)?;
        let connection = connection.with_upgrades();
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self::One(One { sender, heard }))
    }

    pub(super) async fn send(&mut self, mut req: Request<Outgoing>) -> Result<Response<Incoming>, Failed> {
        let answer = match self {
            Self::One(one) => {
                one.heard.store(false, Ordering::Relaxed);
                origin_form(req.uri_mut());
                one.sender.try_send_request(req).await
            }
            Self::Two(sender) => sender.try_send_request(req).await,
        };
        answer.map_err(|mut error| {
            let unsent = error.take_message();
            (error.into_error(), unsent)
        })
    }

    /// Whether upstream has sent a byte since the last request began. Of a shared connection that says nothing of one request.
    pub(super) fn was_heard(&self) -> bool {
        match self {
            Self::One(one) => one.heard.load(Ordering::Relaxed),
            Self::Two(_) => true,
        }
    }
}

/// Without a descriptor left the request waits for one: they come back as soon as some other connection ends.
async fn connect(connector: &Connector, uri: &Uri) -> Result<MaybeHttpsStream<TokioIo<TcpStream>>, BoxError> {
    let began = Instant::now();
    loop {
        match connector.clone().oneshot(uri.clone()).await {
            Err(error) if began.elapsed() < PATIENCE && is_want_of_descriptors(&*error) => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            connected => return connected,
        }
    }
}

fn is_want_of_descriptors(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(descriptors::are_exhausted))
}

#[derive(Debug)]
enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TokioIo<TokioIo<TcpStream>>>>),
}

impl Socket {
    /// Also whether both sides agreed on HTTP/2.
    fn of(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> (Self, bool) {
        match stream {
            MaybeHttpsStream::Http(socket) => (Self::Plain(socket.into_inner()), false),
            MaybeHttpsStream::Https(stream) => {
                let stream = stream.into_inner();
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                (Self::Tls(Box::new(stream)), is_http2)
            }
        }
    }
}

/// Notices when something is read.
#[derive(Debug)]
struct Ear {
    socket: Socket,
    heard: Arc<AtomicBool>,
}

macro_rules! socket {
    ($self:ident, $socket:ident => $polled:expr) => {
        match &mut $self.get_mut().socket {
            Socket::Plain(stream) => {
                let $socket = Pin::new(stream);
                $polled
            }
            Socket::Tls(stream) => {
                let $socket = Pin::new(stream.as_mut());
                $polled
            }
        }
    };
}

impl AsyncRead for Ear {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = self.get_mut();
        let polled = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            this.heard.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Ear {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        socket!(self, socket => socket.poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        socket!(self, socket => socket.poll_write_vectored(cx, data))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(self, socket => socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(self, socket => socket.poll_shutdown(cx))
    }
}
