//! TLS on either side, and HTTP/2 with and without it.

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use support::{DEADLINE, Server, TestBody, header, whole};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use understudy_server::config::{Config, Flags, Layers};

/// An authority, and a certificate of its for this machine.
struct Certificates {
    dir: TempDir,
    authority: CertificateDer<'static>,
}

impl Certificates {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let names = vec!["localhost".into(), "127.0.0.1".into()];
        let own = CertificateParams::new(names).unwrap().signed_by(&own_key, &issuer).unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        std::fs::write(dir.path().join("cert.pem"), own.pem()).unwrap();
        std::fs::write(dir.path().join("key.pem"), own_key.serialize_pem()).unwrap();
        Self { dir, authority: authority.der().clone() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    fn server(&self, protocols: &[&[u8]]) -> Arc<rustls::ServerConfig> {
        let chain = vec![CertificateDer::from_pem_file(self.file("cert.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.file("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }

    /// A connection of a client that believes our authority alone.
    async fn connect(&self, address: SocketAddr, protocol: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let socket = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
    }
}

async fn ask_http1<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: T, path: &str) -> Response<Incoming> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    sender.send_request(request).await.unwrap()
}

/// Two requests at once over one connection.
async fn ask_http2<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: T, scheme: &str) -> [Response<Incoming>; 2] {
    let executor = TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let ask = |path: &str| {
        let uri = format!("{scheme}://localhost{path}");
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        let mut sender = sender.clone();
        async move { sender.send_request(request).await.unwrap() }
    };
    let (one, two) = tokio::join!(ask("/one"), ask("/two"));
    [one, two]
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Tells which version it was asked over, and what it saw.
async fn tell(req: Request<Incoming>) -> Result<Response<TestBody>, Infallible> {
    let host = req.headers().get("host").map_or("", |host| host.to_str().unwrap());
    let proto = req.headers().get("x-forwarded-proto").map_or("", |proto| proto.to_str().unwrap());
    Ok(Response::new(whole(format!("{:?} {} host={host} proto={proto}", req.version(), req.uri().path()))))
}

/// An API that speaks TLS, or HTTP/2 without it.
async fn upstream(tls: Option<Arc<rustls::ServerConfig>>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let tls = tls.clone();
            connections.spawn(async move {
                let service = service_fn(tell);
                let Some(tls) = tls else {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    return drop(server.serve_connection(TokioIo::new(socket), service).await);
                };
                let Ok(stream) = tokio_rustls::TlsAcceptor::from(tls).accept(socket).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                } else {
                    let server = hyper::server::conn::http1::Builder::new();
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                }
            });
        }
    });
    (address, tasks)
}

fn config(dir: &Path, settings: &[(&str, String)]) -> Config {
    let map = settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let map = map.collect::<std::collections::BTreeMap<_, _>>();
    let (config, mistakes) = Config::check(&Layers::new(&Flags::default(), &map, None));
    assert!(mistakes.is_empty(), "{mistakes:?}");
    Config { data_dir: dir.into(), plugin_dir: dir.join("plugins"), listen: "127.0.0.1:0".parse().unwrap(), ..config }
}

async fn server(settings: &[(&str, String)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), settings);
    Server::start_in(dir, config).await
}

fn https(address: SocketAddr) -> (&'static str, String) {
    ("TARGET_URL", format!("https://localhost:{}", address.port()))
}

#[tokio::test]
async fn clients_are_spoken_to_by_tls_over_http_1_and_2() {
    let certificates = Certificates::new();
    let api = support::Upstream::start(|req| async { tell(req).await.unwrap() }).await;
    let server = server(&[
        ("TARGET_URL", format!("http://{}", api.address)),
        ("TLS_CERT", certificates.text("cert.pem")),
        ("TLS_KEY", certificates.text("key.pem")),
    ])
    .await;
    let stream = certificates.connect(server.app.api(), b"http/1.1").await;
    let answer = ask_http1(stream, "/a").await;
    assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_11, 200));
    assert_eq!(text(answer).await, "HTTP/1.1 /a host=localhost proto=https");
    let stream = certificates.connect(server.app.api(), b"h2").await;
    let answers = ask_http2(stream, "https").await;
    for (answer, path) in answers.into_iter().zip(["/one", "/two"]) {
        assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
        assert_eq!(text(answer).await, format!("HTTP/1.1 {path} host=localhost proto=https"));
    }
    // Somebody who speaks no TLS gets no answer, and costs nobody else one.
    let plain = server.client.get(server.url("/a")).send().await;
    assert!(plain.is_err());
    let stream = certificates.connect(server.app.api(), b"http/1.1").await;
    assert_eq!(ask_http1(stream, "/a").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_too() {
    let api = support::Upstream::start(|req| async { tell(req).await.unwrap() }).await;
    let server = Server::start(api.address).await;
    let socket = TcpStream::connect(server.app.api()).await.unwrap();
    for answer in ask_http2(socket, "http").await {
        assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
        let text = text(answer).await;
        assert!(text.starts_with("HTTP/1.1 /") && text.ends_with("host=localhost proto=http"), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_https_api_is_believed_when_its_certificate_is() {
    let certificates = Certificates::new();
    let (address, _tasks) = upstream(Some(certificates.server(&[b"http/1.1"]))).await;

    let trusting = server(&[https(address), ("UPSTREAM_CA_FILE", certificates.text("ca.pem"))]).await;
    let answer = trusting.get("/a").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "upstream"));
    assert!(answer.text().await.unwrap().starts_with("HTTP/1.1 /a"));
    trusting.stop().await;

    let wary = server(&[https(address)]).await;
    let answer = wary.get("/a").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (502, "none"));
    let reason = header(&answer, "x-understudy-reason").to_owned();
    assert!(reason.contains("TLS handshake"), "{reason}");
    let status = wary.status().await;
    assert!(status["upstream"].to_string().contains("certificate"), "the status says why: {status}");
    wary.stop().await;

    let careless = server(&[https(address), ("UPSTREAM_INSECURE", "on".into())]).await;
    assert_eq!(careless.get("/a").await.status(), 200);
    careless.stop().await;
}

#[tokio::test]
async fn a_webhook_is_told_over_tls_when_its_certificate_is_believed() {
    let certificates = Certificates::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let acceptor = tokio_rustls::TlsAcceptor::from(certificates.server(&[b"http/1.1"]));
    let believed = ("UPSTREAM_CA_FILE", certificates.text("ca.pem"));
    // That anybody may pass for the API does not mean that anybody may hear of its alerts.
    for (setting, is_told) in [(Some(believed), true), (None, false), (Some(("UPSTREAM_INSECURE", "on".into())), false)]
    {
        let settings: Vec<_> = [https("127.0.0.1:9".parse().unwrap())].into_iter().chain(setting).collect();
        let server = server(&settings).await;
        let hooks = serde_json::json!([{ "url": hook }]);
        let set = server.client.put(server.url("/admin/webhooks")).json(&hooks).send().await.unwrap();
        assert_eq!(set.status(), 200);
        server.client.post(server.url("/admin/webhooks/test")).send().await.unwrap();
        let (socket, _) = tokio::time::timeout(DEADLINE, listener.accept()).await.unwrap().unwrap();
        match tokio::time::timeout(DEADLINE, acceptor.accept(socket)).await.unwrap() {
            Ok(stream) => {
                assert!(is_told, "{settings:?}");
                let mut lines = BufReader::new(stream).lines();
                assert_eq!(lines.next_line().await.unwrap().unwrap(), "POST /hook HTTP/1.1");
            }
            Err(error) => assert!(!is_told, "{settings:?}: {error}"),
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn an_https_api_with_another_name_is_not_believed() {
    let certificates = Certificates::new();
    let (address, _tasks) = upstream(Some(certificates.server(&[b"http/1.1"]))).await;
    let target = ("TARGET_URL", format!("https://[::ffff:127.0.0.1]:{}", address.port()));
    let server = server(&[target, ("UPSTREAM_CA_FILE", certificates.text("ca.pem"))]).await;
    let answer = server.get("/a").await;
    assert_eq!(answer.status(), 502);
    assert!(header(&answer, "x-understudy-reason").contains("TLS handshake"));
    server.stop().await;
}

#[tokio::test]
async fn http_2_is_spoken_to_an_api_that_offers_it_and_one_connection_serves_all() {
    let certificates = Certificates::new();
    let (address, _tasks) = upstream(Some(certificates.server(&[b"h2", b"http/1.1"]))).await;
    let ca = ("UPSTREAM_CA_FILE", certificates.text("ca.pem"));
    let server = server(&[https(address), ca, ("UPSTREAM_HOST", "rewrite".into())]).await;
    for path in ["/a", "/b", "/c"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        assert!(text.starts_with(&format!("HTTP/2.0 {path}")), "{text}");
    }
    let body = vec![b'x'; 300_000];
    let answer = server.client.post(server.url("/d")).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_to_an_api_that_is_said_to_take_it() {
    let (address, _tasks) = upstream(None).await;
    let settings = [("TARGET_URL", format!("http://{address}")), ("UPSTREAM_HTTP", "2".into())];
    let server = server(&settings).await;
    let answers = futures_util::future::join_all((0..20).map(|_| server.get("/a"))).await;
    for answer in answers {
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().starts_with("HTTP/2.0 /a"));
    }
    server.stop().await;
}

async fn understudy(env: &[(&str, String)], arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
    command.args(arguments).current_dir(dir.path()).env_clear().kill_on_drop(true);
    command.envs(env.iter().map(|(key, value)| (*key, value.as_str())));
    tokio::time::timeout(DEADLINE, command.output()).await.expect("it must end by itself").unwrap()
}

#[tokio::test]
async fn a_wrong_certificate_or_key_is_told_in_one_sentence() {
    let certificates = Certificates::new();
    let other = Certificates::new();
    std::fs::write(certificates.file("nonsense.pem"), "no PEM").unwrap();
    let check = async |cert: String, key: String, expected: [&str; 2]| {
        let env = [("TLS_CERT", cert), ("TLS_KEY", key), ("LISTEN_ADDR", "127.0.0.1:0".into())];
        let output = understudy(&env, &["serve"]).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?} in {text}");
    };
    let (cert, key) = (certificates.text("cert.pem"), certificates.text("key.pem"));
    let nonsense = certificates.text("nonsense.pem");
    check(nonsense.clone(), key.clone(), ["TLS_CERT", "expected a PEM file with a certificate"]).await;
    check(cert.clone(), nonsense, ["TLS_KEY", "expected a PEM file with a private key"]).await;
    check(cert.clone(), other.text("key.pem"), ["TLS_KEY", "the private key that belongs to TLS_CERT"]).await;
    check(certificates.text("missing.pem"), key, ["TLS_CERT", "missing.pem"]).await;
}

#[tokio::test]
async fn small_commands_reach_a_server_that_speaks_tls_and_no_other_one() {
    let certificates = Certificates::new();
    let api = support::Upstream::start(|req| async { tell(req).await.unwrap() }).await;
    let files = |of: &Certificates| [("TLS_CERT", of.text("cert.pem")), ("TLS_KEY", of.text("key.pem"))];
    let mut settings = files(&certificates).to_vec();
    settings.push(("TARGET_URL", format!("http://{}", api.address)));
    let server = server(&settings).await;
    let address = ("LISTEN_ADDR", server.app.api().to_string());
    let run = async |of: &Certificates, arguments: &[&str]| {
        let env: Vec<_> = files(of).into_iter().chain([address.clone()]).collect();
        understudy(&env, arguments).await
    };
    for arguments in [&["mode", "mock"][..], &["status"], &["openapi"]] {
        let output = run(&certificates, arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
    let output = run(&Certificates::new(), &["status"]).await;
    assert_eq!(output.status.code(), Some(1), "another certificate is another server");
    server.stop().await;
}
