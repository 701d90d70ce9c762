//! Talks to a running server through its admin API.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use understudy_types::{ErrorBody, Mode, ModeChange};

use super::progress;
use crate::admin_token;
use crate::config::{Config, TlsFiles};
use crate::listen::tls::certificates;
use crate::proxy::upstream::careful;

/// A large document takes its time to be imported.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A file on its way is read in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// Whole, or from a file piece by piece.
type Sent = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Client = legacy::Client<HttpsConnector<HttpConnector>, Sent>;

pub(super) struct Remote {
    client: Client,
    address: SocketAddr,
    base: String,
    token: Option<String>,
}

impl Remote {
    /// The server is looked for where this configuration would have it listen.
    pub(super) fn new(config: &Config) -> anyhow::Result<Self> {
        let mut address = config.admin.unwrap_or(config.listen);
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let client = client(trusting(config.tls.as_ref())?);
        let token = match &config.admin_token {
            Some(token) => Some(token.clone()),
            None => admin_token::read(config)
                .with_context(|| format!("read the admin token in {}", admin_token::path(config).display()))?,
        };
        Ok(Self { client, address, base: format!("{scheme}://{address}"), token })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<String> {
        print(&self.call(Method::GET, path, None).await?)
    }

    pub(super) async fn set_mode(&self, mode: Mode) -> anyhow::Result<String> {
        let body = serde_json::to_value(ModeChange { mode }).context("write the mode")?;
        print(&self.call(Method::PUT, "/admin/mode", Some(&body)).await?)
    }

    /// The answer of one call, or the server's own words why not.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(serde_json::to_vec).transpose().context("write the request")?;
        self.send(method, path, body.unwrap_or_default()).await
    }

    /// Sends a document as it is.
    pub(super) async fn post(&self, path: &str, document: Vec<u8>) -> anyhow::Result<Value> {
        self.send(Method::POST, path, document).await
    }

    /// Whether somebody listens there.
    pub(super) async fn is_there(&self) -> bool {
        tokio::net::TcpStream::connect(self.address).await.is_ok()
    }

    /// A document as it is, in whatever form.
    pub(super) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.base);
        let response = self.answer(self.request(Method::GET, &url).body(whole(Vec::new()))?).await?;
        if !response.status().is_success() {
            return read(response, &url).await.map(|_| String::new());
        }
        let bytes = response.into_body().collect().await.context("read the answer")?.to_bytes();
        String::from_utf8(bytes.into()).with_context(|| format!("read the answer of {url}"))
    }

    /// Writes what comes to a file, and says how many bytes that are. What is there already is replaced once all has come.
    pub(super) async fn download(&self, path: &str, file: &Path) -> anyhow::Result<u64> {
        let url = format!("{}{path}", self.base);
        let response = self.answer(self.request(Method::GET, &url).body(whole(Vec::new()))?).await?;
        if !response.status().is_success() {
            return read(response, &url).await.map(|_| 0);
        }
        let length =
            response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let bar = progress::bytes(length.unwrap_or_default());
        let unfinished = file.with_extension("part");
        let wrong = || format!("write {}", unfinished.display());
        let mut out = tokio::fs::File::create(&unfinished).await.with_context(wrong)?;
        let (mut body, mut total) = (response.into_body(), 0);
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.context("read the answer")?.into_data() else { continue };
            out.write_all(&piece).await.with_context(wrong)?;
            total += piece.len() as u64;
            bar.set_position(total);
        }
        out.flush().await.with_context(wrong)?;
        bar.finish_and_clear();
        std::fs::rename(&unfinished, file).with_context(|| format!("write {}", file.display()))?;
        Ok(total)
    }

    /// Sends a file, of any size.
    pub(super) async fn upload(&self, path: &str, file: &Path) -> anyhow::Result<Value> {
        let wrong = || format!("read {}", file.display());
        let opened = tokio::fs::File::open(file).await.with_context(wrong)?;
        let length = opened.metadata().await.with_context(wrong)?.len();
        let bar = progress::bytes(length);
        let shown = bar.clone();
        let pieces = try_unfold(opened, move |mut opened| {
            let bar = shown.clone();
            async move {
                let mut piece = BytesMut::with_capacity(PIECE_BYTES);
                let read = opened.read_buf(&mut piece).await?;
                bar.inc(read as u64);
                Ok::<_, io::Error>((read > 0).then(|| (Frame::data(piece.freeze()), opened)))
            }
        });
        let url = format!("{}{path}", self.base);
        let request = self.request(Method::POST, &url).header(header::CONTENT_TYPE, "application/octet-stream");
        let response = self.answer(request.body(StreamBody::new(pieces).boxed_unsync())?).await?;
        bar.finish_and_clear();
        read(response, &url).await
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.request(method, &url);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(whole(body)).with_context(|| format!("make a request for {url}"))?;
        let exchange = async { read(self.answer(request).await?, &url).await };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| anyhow!("get an answer of {url} within {} s", TIMEOUT.as_secs()))?
    }

    fn request(&self, method: Method, url: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(url);
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    async fn answer(&self, request: Request<Sent>) -> anyhow::Result<Response<Incoming>> {
        let response = self.client.request(request).await;
        response.with_context(|| format!("reach an Understudy at {}; is one running?", self.base))
    }
}

fn whole(bytes: Vec<u8>) -> Sent {
    Full::from(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// The answer as JSON, or the server's own words why not.
async fn read(response: Response<Incoming>, url: &str) -> anyhow::Result<Value> {
    let status = response.status();
    let bytes = response.into_body().collect().await.context("read the answer")?.to_bytes();
    let value: Value = serde_json::from_slice(&bytes).with_context(|| format!("read the answer of {url}"))?;
    if !status.is_success() {
        bail!(refusal(status, value, url));
    }
    Ok(value)
}

fn client(tls: ClientConfig) -> Client {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    legacy::Client::builder(TokioExecutor::new()).build(builder.enable_http1().wrap_connector(http))
}

/// For any server, believing whom this machine and the configuration believe.
pub(super) fn plain_client(config: &Config) -> anyhow::Result<Client> {
    let careful = careful(&config.upstream).map_err(|mistake| anyhow!("{mistake}"))?;
    Ok(client((*careful).clone()))
}

pub(super) fn print(value: &Value) -> anyhow::Result<String> {
    serde_json::to_string_pretty(value).context("print the answer")
}

fn refusal(status: StatusCode, value: Value, url: &str) -> String {
    match serde_json::from_value::<ErrorBody>(value) {
        Ok(body) => format!("ask {url}: {}", body.error.message),
        Err(_) => format!("ask {url}: it answered {status}, so it is no Understudy"),
    }
}

/// Believes the server that has the certificate of this configuration, and no other.
fn trusting(files: Option<&TlsFiles>) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = match files {
        Some(files) => {
            let chain = certificates(&files.cert);
            let chain = chain.map_err(|reason| anyhow!("read TLS_CERT {}: {reason}", files.cert.display()))?;
            chain.into_iter().next()
        }
        None => None,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions");
    let verifier = Arc::new(TheOne { certificate, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The certificate is made for the names that clients use, and we connect to an address: it is compared as a whole instead.
#[derive(Debug)]
struct TheOne {
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TheOne {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.certificate.as_ref() == Some(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
