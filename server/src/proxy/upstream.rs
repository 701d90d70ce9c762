//! Talks to the real API: one pooled client, and what its failures mean.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use understudy_policy::Failure;

use super::body::Outgoing;

/// Below the five seconds after which common servers close an idle connection, so that they do not close one that we
/// are about to use.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// Long enough for a slow handshake far away, short enough that failover is still an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the response head. Bodies may take any time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A pooled HTTP/1.1 client.
#[derive(Debug, Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Outgoing>,
    head_timeout: Duration,
}

/// Upstream gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("upstream {}", .failure.words())]
pub struct UpstreamError {
    pub failure: Failure,
    #[source]
    pub source: Option<legacy::Error>,
    /// Our own side broke the request off; nothing is known about upstream.
    pub downstream: bool,
}

impl UpstreamError {
    /// The whole chain of causes, for the log and the status.
    #[must_use]
    pub fn causes(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            text = format!("{text}: {error}");
            next = error.source();
        }
        text
    }
}

impl Client {
    #[must_use]
    pub fn new() -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .set_host(false)
            .build(connector);
        Self { inner, head_timeout: HEAD_TIMEOUT }
    }

    /// Sends one request and waits for the head of the answer.
    pub async fn send(&self, req: Request<Outgoing>) -> Result<Response<Incoming>, UpstreamError> {
        match tokio::time::timeout(self.head_timeout, self.inner.request(req)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                Err(UpstreamError { failure: classify(&error), downstream: is_ours(&error), source: Some(error) })
            }
            Err(_) => Err(UpstreamError { failure: Failure::HeadTimeout, downstream: false, source: None }),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// The machine's own certificates, so that a company's private authority counts; the bundled ones where there are none.
fn tls_config() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Every error in the chain of causes.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

/// The body that we were sending failed on our side: the client went away, or the twin took it back.
fn is_ours(error: &legacy::Error) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<hyper::Error>()).any(hyper::Error::is_user)
}

/// An `io::Error` that wraps another error passes over it when it is asked for its source.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    let wrapped = || error.downcast_ref::<io::Error>()?.get_ref();
    error.is::<rustls::Error>() || wrapped().is_some_and(|inner| is_tls(inner))
}

fn classify(error: &legacy::Error) -> Failure {
    let causes = || chain(error);
    if error.is_connect() {
        // The connector tells a failed look-up by its words alone.
        let is_name = causes().any(|cause| cause.to_string().contains("dns error"));
        let is_tls = causes().any(is_tls);
        return match io_kind(error) {
            _ if is_name => Failure::Name,
            _ if is_tls => Failure::Tls,
            Some(io::ErrorKind::ConnectionRefused) => Failure::Refused,
            Some(io::ErrorKind::TimedOut) => Failure::ConnectTimeout,
            _ => Failure::Unreachable,
        };
    }
    let malformed = causes().filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(|hyper| hyper.is_parse());
    if malformed { Failure::Malformed } else { Failure::Closed }
}
