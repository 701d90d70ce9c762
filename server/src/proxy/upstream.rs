//! Talks to the real API: connections that are kept and shared, and what their failures mean.

mod connection;
mod error;
mod pool;
mod tls;

use std::sync::Arc;

use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use understudy_policy::{Failure, Limits, Line};

use self::connection::Connection;
pub use self::error::UpstreamError;
pub use self::pool::Answer;
use self::pool::Pool;
use super::body::Outgoing;
use super::headers::{self, has_plain_framing};
use super::health::Health;
use crate::config::{Config, Mistake, TargetUrl, UpstreamConfig, UpstreamHttp};

/// The real API of a project, how it did lately, and the connections to it.
#[derive(Debug)]
pub struct Upstream {
    pub target: TargetUrl,
    /// The built-in sample API stands in for one that nobody named.
    pub is_sample: bool,
    pub health: Health,
    /// For what is not done by the threads that serve connections.
    pub client: Client,
    /// One for each of these threads, so that they do not meet over connections.
    lanes: Box<[Client]>,
}

impl Upstream {
    /// `careful` is whom this machine believes, from [`careful`].
    #[must_use]
    pub fn new(config: &Config, careful: &Arc<ClientConfig>, target: TargetUrl, is_sample: bool) -> Self {
        let keeps_host = headers::keeps_host(&config.fields, &target);
        let client = Client::new(&config.upstream, careful, &target, keeps_host);
        let lanes = (0..lane_count()).map(|_| client.sibling()).collect();
        Self { target, is_sample, health: Health::new(Limits::default()), client, lanes }
    }

    /// The connections that the thread of this number uses.
    #[must_use]
    pub fn lane(&self, number: usize) -> &Client {
        &self.lanes[number % self.lanes.len()]
    }
}

/// Threads that serve connections: one for each core.
#[must_use]
pub fn lane_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads the certificates that the API's, and a webhook's, may be signed by. Takes its time, so it is done once.
pub fn careful(config: &UpstreamConfig) -> Result<Arc<ClientConfig>, Mistake> {
    tls::careful(config).map(Arc::new)
}

type Connector = HttpsConnector<HttpConnector>;

/// A client for one upstream. A clone shares its connections, a sibling has its own.
#[derive(Debug, Clone)]
pub struct Client {
    /// HTTP/1.1 alone: what can switch to another protocol.
    http1: Connector,
    /// What upstream may speak HTTP/2 over. RFC 9113 §8.3.1: over HTTP/2 the name in `Host` must not differ from the one that
    /// was connected to.
    http2: Option<Connector>,
    /// HTTP/2 is not asked for, but taken for granted.
    only_http2: bool,
    pool: Arc<Pool>,
}

/// Whether a request may go over a connection that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Any,
    New,
}

impl Client {
    /// `keeps_host`: upstream gets to see the client's `Host`.
    fn new(config: &UpstreamConfig, careful: &ClientConfig, target: &TargetUrl, keeps_host: bool) -> Self {
        let tls = if config.insecure { tls::careless() } else { careful.clone() };
        let speaks_http2 = match config.http {
            UpstreamHttp::One => false,
            // A kept `Host` and HTTP/2 exclude each other, and the name matters more to the API.
            UpstreamHttp::Auto => target.is_https() && !keeps_host,
            UpstreamHttp::Two => true,
        };
        Self {
            http1: connector(tls.clone(), config, false),
            http2: speaks_http2.then(|| connector(tls, config, true)),
            only_http2: config.http == UpstreamHttp::Two,
            pool: Arc::default(),
        }
    }

    /// The same with connections of its own.
    fn sibling(&self) -> Self {
        Self { pool: Arc::default(), ..self.clone() }
    }

    /// True when a request may go over HTTP/2 and has to carry upstream's own name.
    #[must_use]
    pub fn speaks_http2(&self) -> bool {
        self.http2.is_some()
    }

    /// Sends one request and waits for the head of the answer. The caller knows how long that may take.
    pub async fn send(&self, mut req: Request<Outgoing>, over: Over) -> Result<Response<Answer>, UpstreamError> {
        let uri = req.uri().clone();
        let http2 = self.http2.as_ref().filter(|_| !req.headers().contains_key(header::UPGRADE));
        loop {
            let kept = if over == Over::Any { self.pool.take(http2.is_some()) } else { None };
            let is_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect(http2, &uri).await?,
            };
            let (error, unsent) = match connection.send(req).await {
                Ok(response) => return self.understand(response, connection),
                Err(failed) => failed,
            };
            match unsent {
                // The connection was lost before it took the request: as if it had never been chosen.
                Some(unsent) if is_kept => {
                    req = unsent;
                    req.uri_mut().clone_from(&uri);
                }
                _ => {
                    let line = if is_kept && !connection.was_heard() { Line::Stale } else { Line::Live };
                    return Err(UpstreamError::exchanging(error, line));
                }
            }
        }
    }

    async fn connect(&self, http2: Option<&Connector>, uri: &Uri) -> Result<Connection, UpstreamError> {
        let connector = http2.unwrap_or(&self.http1);
        let connection = Connection::make(connector, uri, self.only_http2 && http2.is_some()).await?;
        self.pool.share(&connection);
        Ok(connection)
    }

    /// What hyper takes for the body may not be what the fields say it is; such a connection is not used again.
    fn understand(
        &self,
        response: Response<hyper::body::Incoming>,
        connection: Connection,
    ) -> Result<Response<Answer>, UpstreamError> {
        if !has_plain_framing(response.headers()) {
            return Err(UpstreamError::of(Failure::Malformed));
        }
        let switches = response.status() == http::StatusCode::SWITCHING_PROTOCOLS;
        Ok(response.map(|incoming| Answer::new(incoming, (!switches).then_some((connection, &self.pool)))))
    }
}

/// How a request names its target on a connection that leads to one server only (RFC 9112 §3.2.1).
fn origin_form(uri: &mut Uri) {
    let path = std::mem::take(uri).into_parts().path_and_query;
    *uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
}

fn connector(tls: ClientConfig, config: &UpstreamConfig, http2: bool) -> Connector {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.set_connect_timeout(Some(config.connect_timeout));
    http.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    match (http2, config.http) {
        (false, _) => builder.enable_http1().wrap_connector(http),
        (true, UpstreamHttp::Two) => builder.enable_http2().wrap_connector(http),
        (true, _) => builder.enable_all_versions().wrap_connector(http),
    }
}
