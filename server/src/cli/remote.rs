//! Talks to a running server through its admin API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use understudy_types::{ErrorBody, Mode, ModeChange};

use crate::config::{Config, TlsFiles};
use crate::listen::tls::certificates;

/// A large document takes its time to be imported.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) struct Remote {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
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
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let builder = HttpsConnectorBuilder::new().with_tls_config(trusting(config.tls.as_ref())?).https_or_http();
        let client = legacy::Client::builder(TokioExecutor::new()).build(builder.enable_http1().wrap_connector(http));
        Ok(Self { client, address, base: format!("{scheme}://{address}"), token: config.admin_token.clone() })
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
        let (status, bytes) = self.answer(Method::GET, &url, Vec::new()).await?;
        if status != StatusCode::OK {
            bail!(refusal(status, serde_json::from_slice(&bytes).unwrap_or_default(), &url));
        }
        String::from_utf8(bytes.into()).with_context(|| format!("read the answer of {url}"))
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let (status, bytes) = self.answer(method, &url, body).await?;
        let value: Value = serde_json::from_slice(&bytes).with_context(|| format!("read the answer of {url}"))?;
        if status != StatusCode::OK {
            bail!(refusal(status, value, &url));
        }
        Ok(value)
    }

    async fn answer(&self, method: Method, url: &str, body: Vec<u8>) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(body)).with_context(|| format!("make a request for {url}"))?;
        tokio::time::timeout(TIMEOUT, self.exchange(request))
            .await
            .map_err(|_| anyhow!("get an answer of {url} within {} s", TIMEOUT.as_secs()))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        let response = self.client.request(request).await;
        let response = response.with_context(|| format!("reach an Understudy at {}; is one running?", self.base))?;
        let status = response.status();
        let body = response.into_body().collect().await.context("read the answer")?;
        Ok((status, body.to_bytes()))
    }
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
