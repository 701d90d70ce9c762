//! Talks to the real API: one pooled client, and what its failures mean.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use understudy_policy::Failure;

use super::body::Outgoing;
use super::headers::has_plain_framing;
use crate::config::{Mistake, TargetUrl, UpstreamConfig, UpstreamHttp};
use crate::listen::tls::certificates;

/// Below the five seconds after which common servers close an idle connection, so that they do not close one that we
/// are about to use.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// An API may send more fields than we take from clients.
const MAX_ANSWER_FIELDS: usize = 256;

type Connector = HttpsConnector<HttpConnector>;

/// A pooled client for the one upstream there is.
#[derive(Debug, Clone)]
pub struct Client {
    inner: legacy::Client<Connector, Outgoing>,
    /// Only HTTP/1.1 can switch to another protocol.
    switching: legacy::Client<Connector, Outgoing>,
    /// RFC 9113 §8.3.1: over HTTP/2 the name in `Host` must not differ from the one that was connected to.
    speaks_http2: bool,
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
    /// Reads the certificates it needs. `keeps_host`: upstream gets to see the client's `Host`.
    pub fn new(config: &UpstreamConfig, target: &TargetUrl, keeps_host: bool) -> Result<Self, Mistake> {
        let tls = tls_config(config)?;
        let speaks_http2 = match config.http {
            UpstreamHttp::One => false,
            // A kept `Host` and HTTP/2 exclude each other, and the name matters more to the API.
            UpstreamHttp::Auto => target.is_https() && !keeps_host,
            UpstreamHttp::Two => true,
        };
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .set_host(false)
            .http1_max_headers(MAX_ANSWER_FIELDS);
        let switching = builder.build(connector(tls.clone(), config, false));
        let inner = match config.http {
            UpstreamHttp::Two => builder.http2_only(true).build(connector(tls, config, true)),
            UpstreamHttp::Auto | UpstreamHttp::One if !speaks_http2 => switching.clone(),
            UpstreamHttp::Auto | UpstreamHttp::One => builder.build(connector(tls, config, true)),
        };
        Ok(Self { inner, switching, speaks_http2 })
    }

    /// True when a request may go over HTTP/2 and has to carry upstream's own name.
    #[must_use]
    pub fn speaks_http2(&self) -> bool {
        self.speaks_http2
    }

    /// Sends one request and waits for the head of the answer. The caller knows how long that may take.
    pub async fn send(&self, req: Request<Outgoing>) -> Result<Response<Incoming>, UpstreamError> {
        let client = if req.headers().contains_key(header::UPGRADE) { &self.switching } else { &self.inner };
        understand(client.request(req).await)
    }
}

impl UpstreamError {
    #[must_use]
    pub const fn of(failure: Failure) -> Self {
        Self { failure, downstream: false, source: None }
    }
}

fn understand(answer: Result<Response<Incoming>, legacy::Error>) -> Result<Response<Incoming>, UpstreamError> {
    match answer {
        // What hyper takes for the body may not be what the fields say it is.
        Ok(response) if !has_plain_framing(response.headers()) => Err(UpstreamError::of(Failure::Malformed)),
        Ok(response) => Ok(response),
        Err(error) => {
            Err(UpstreamError { failure: classify(&error), downstream: is_ours(&error), source: Some(error) })
        }
    }
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

/// The machine's own certificates, so that a company's private authority counts; the bundled ones where there are none; and
/// those of the configuration.
fn tls_config(config: &UpstreamConfig) -> Result<ClientConfig, Mistake> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions");
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = &config.ca_file {
        let wrong = |reason: String| {
            Mistake::new("UPSTREAM_CA_FILE", path.display(), format!("a PEM file with certificates ({reason})"))
        };
        for certificate in certificates(path).map_err(wrong)? {
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    if config.insecure {
        let verifier = Arc::new(BelieveAnyone(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// For `--insecure`: the connection is encrypted, and nobody knows to whom.
#[derive(Debug)]
struct BelieveAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for BelieveAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
