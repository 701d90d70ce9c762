//! Talks to a running server through its admin API.

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use understudy_types::{ErrorBody, Mode, ModeChange};

use crate::config::Config;

pub(super) struct Remote {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Remote {
    /// The server is looked for where this configuration would have it listen.
    pub(super) fn new(config: &Config) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build().context("make a client")?;
        let mut address = config.admin.unwrap_or(config.listen);
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Ok(Self { client, base: format!("http://{address}"), token: config.admin_token.clone() })
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
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request, &url).await
    }

    /// Sends a document as it is.
    pub(super) async fn post(&self, path: &str, document: Vec<u8>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        self.send(self.client.post(&url).body(document), &url).await
    }

    /// Whether somebody listens there.
    pub(super) async fn is_there(&self) -> bool {
        let address = self.base.trim_start_matches("http://");
        tokio::net::TcpStream::connect(address).await.is_ok()
    }

    async fn send(&self, mut request: reqwest::RequestBuilder, url: &str) -> anyhow::Result<Value> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response =
            request.send().await.with_context(|| format!("reach an Understudy at {}; is one running?", self.base))?;
        let status = response.status();
        let value: Value = response.json().await.with_context(|| format!("read the answer of {url}"))?;
        if status != StatusCode::OK {
            bail!(refusal(status, value, url));
        }
        Ok(value)
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
