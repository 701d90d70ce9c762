//! Starts the real thing on port 0, in front of an upstream that a test controls.

#![allow(dead_code, unreachable_pub, reason = "each test binary has this module and uses its own part of it")]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use understudy_server::app::App;
use understudy_server::config::{Config, Flags, Layers, TargetUrl};

pub type TestBody = UnsyncBoxBody<Bytes, Infallible>;

/// Nothing here takes longer unless it is broken.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks again until the answer satisfies, or fails the test.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn whole(body: impl Into<Bytes>) -> TestBody {
    Full::new(body.into()).boxed_unsync()
}

pub fn json(status: u16, value: &Value) -> Response<TestBody> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(whole(value.to_string())).unwrap()
}

/// A server whose connections end when it is dropped.
pub struct Upstream {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Upstream {
    pub async fn start<F, R>(handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<TestBody>> + Send + 'static,
    {
        Self::start_at("127.0.0.1:0".parse().unwrap(), handler).await
    }

    pub async fn start_at<F, R>(address: SocketAddr, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<TestBody>> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (handler, counter) = (handler.clone(), Arc::clone(&counter));
                let service = service_fn(move |req| {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let answer = handler(req);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(connection.with_upgrades().await) });
            }
        });
        Self { address, requests, tasks }
    }

    pub fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Ends listener and connections, and waits until the port is free.
    pub async fn kill(mut self) -> SocketAddr {
        self.tasks.shutdown().await;
        self.address
    }
}

pub fn config(dir: &Path, target: Option<SocketAddr>) -> Config {
    let (defaults, mistakes) = Config::check(&Layers::new(&Flags::default(), &std::collections::BTreeMap::new(), None));
    assert!(mistakes.is_empty());
    Config {
        target: target.map(TargetUrl::local),
        data_dir: dir.into(),
        plugin_dir: dir.join("plugins"),
        listen: "127.0.0.1:0".parse().unwrap(),
        ..defaults
    }
}

/// A running server with a folder of its own.
pub struct Server {
    pub app: App,
    pub dir: TempDir,
    pub client: reqwest::Client,
}

impl Server {
    pub async fn start(target: SocketAddr) -> Self {
        Self::start_with(target, |_| {}).await
    }

    pub async fn start_with(target: SocketAddr, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), Some(target));
        change(&mut config);
        Self::start_in(dir, config).await
    }

    pub async fn start_in(dir: TempDir, config: Config) -> Self {
        let app = App::start(config, Vec::new()).await.unwrap();
        Self { app, dir, client: client() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.api())
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    pub async fn status(&self) -> Value {
        self.get_json("/admin/status").await
    }

    pub async fn set_mode(&self, mode: &str) {
        let request = self.client.put(self.url("/admin/mode")).json(&serde_json::json!({ "mode": mode }));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// Waits until everything offered is learned; `at_least` so many exchanges.
    pub async fn learned(&self, at_least: u64) -> Value {
        until("the learner to finish", || async {
            let status = self.status().await;
            let learner = &status["learner"];
            let done = learner["pending"] == 0 && learner["learned"].as_u64().unwrap() >= at_least;
            done.then_some(status)
        })
        .await
    }

    pub async fn stop(self) -> TempDir {
        self.app.shutdown().await;
        self.dir
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
