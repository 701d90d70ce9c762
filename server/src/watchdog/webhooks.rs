//! Alerts on their way out. What is sent waits in a bounded queue and is sent by a task of its own: a receiver that hangs or
//! fails delays nothing but the messages behind it, and those to others not at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use understudy_types::{DriftAlert, Webhook};

/// Messages that wait; more alerts than these nobody reads.
const MAX_WAITING: usize = 256;
/// Messages under way at once.
const MAX_SENDING: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(10);
/// After the first try: about a minute in all.
const RETRIES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15), Duration::from_secs(40)];
/// Receivers that a project can have.
pub const MAX_WEBHOOKS: usize = 16;
/// Where the settings lie in the project file.
pub const SETTING: &str = "webhooks";

/// Names in the head of a message.
const SIGNATURE: &str = "x-understudy-signature";
const TIMESTAMP: &str = "x-understudy-timestamp";
const EVENT: &str = "x-understudy-event";

type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Where alerts are offered and receivers are set.
#[derive(Debug)]
pub struct Webhooks {
    receivers: Mutex<Vec<Webhook>>,
    queue: mpsc::Sender<Message>,
    /// When each alert was sent to each receiver last.
    sent: Mutex<HashMap<(String, String), Instant>>,
}

#[derive(Debug)]
struct Message {
    to: Webhook,
    body: Value,
}

/// The other end, for [`run`].
#[derive(Debug)]
pub struct Outgoing(mpsc::Receiver<Message>);

impl Webhooks {
    #[must_use]
    pub fn new(receivers: Vec<Webhook>) -> (Arc<Self>, Outgoing) {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let webhooks = Self { receivers: Mutex::new(receivers), queue, sent: Mutex::default() };
        (Arc::new(webhooks), Outgoing(waiting))
    }

    #[must_use]
    pub fn list(&self) -> Vec<Webhook> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, receivers: Vec<Webhook>) {
        *self.receivers.lock().unwrap_or_else(PoisonError::into_inner) = receivers;
    }

    /// Never waits: a full queue loses the message, and that is logged.
    pub fn offer(&self, alert: &DriftAlert) {
        for to in self.list() {
            if rank(&alert.severity) > rank(&to.min_severity) || !self.is_due(&to, alert) {
                continue;
            }
            let body = if to.format == "slack" { slack(alert) } else { plain(alert) };
            if self.queue.try_send(Message { to, body }).is_err() {
                tracing::warn!(alert = alert.id, "too many webhook messages wait: this one is not sent");
            }
        }
    }

    /// Sends a made-up alert to all receivers, whatever their settings. How many there are.
    pub fn test(&self) -> usize {
        let text = "Understudy: a test of this webhook";
        let receivers = self.list();
        for to in &receivers {
            let body =
                if to.format == "slack" { json!({ "text": text }) } else { json!({ "event": "test", "text": text }) };
            // When the queue is full the receivers hear enough already.
            let _ = self.queue.try_send(Message { to: to.clone(), body });
        }
        receivers.len()
    }

    fn is_due(&self, to: &Webhook, alert: &DriftAlert) -> bool {
        let key =
            (format!("{} {}", to.format, to.url), format!("{} {} {}", alert.endpoint_id, alert.kind, alert.state));
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let cooldown = Duration::from_secs(to.cooldown_seconds);
        if sent.get(&key).is_some_and(|at| at.elapsed() < cooldown) {
            return false;
        }
        sent.retain(|_, at| at.elapsed() < Duration::from_secs(86_400));
        sent.insert(key, Instant::now());
        true
    }
}

fn rank(severity: &str) -> u8 {
    ["critical", "warning", "info"].iter().position(|word| *word == severity).map_or(3, |at| at as u8)
}

fn plain(alert: &DriftAlert) -> Value {
    json!({ "event": if alert.unresolved { "drift.alert" } else { "drift.resolved" }, "alert": alert })
}

/// What Slack, and others that take its messages, show.
fn slack(alert: &DriftAlert) -> Value {
    let state = if alert.unresolved { alert.severity.to_uppercase() } else { "RESOLVED".into() };
    // Slack's own control characters.
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text =
        format!("*{state}* `{} {}` {}", escaped(&alert.method), escaped(&alert.template), escaped(&alert.message));
    json!({ "text": text })
}

/// Sends until the server stops. What waits then is lost; the alert itself is stored.
pub async fn run(Outgoing(mut waiting): Outgoing, tls: ClientConfig, mut stopped: watch::Receiver<bool>) {
    // Nobody but the configured address hears of it: this client follows no redirect and knows no proxy.
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client: Client = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let mut sending = JoinSet::new();
    loop {
        tokio::select! {
            message = waiting.recv(), if sending.len() < MAX_SENDING => match message {
                Some(message) => drop(sending.spawn(deliver(client.clone(), message))),
                None => return,
            },
            Some(_) = sending.join_next() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn deliver(client: Client, message: Message) {
    let mut waits = RETRIES.iter();
    loop {
        let problem = match tokio::time::timeout(TIMEOUT, send(&client, &message)).await {
            Ok(Ok(status)) if status.is_success() => return,
            Ok(Ok(status)) => format!("it answered {status}"),
            Ok(Err(error)) => causes(&*error),
            Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        };
        let Some(wait) = waits.next() else {
            return tracing::warn!(problem, "give up sending an alert to a webhook");
        };
        tokio::time::sleep(*wait).await;
    }
}

/// An error with what lies behind it. None of these names the address, which may hold a secret.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn send(client: &Client, message: &Message) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let body = message.body.to_string();
    let timestamp = (crate::twin::now_ms() / 1000).to_string();
    let mut request = Request::post(&message.to.url)
        .header("content-type", "application/json")
        .header(EVENT, message.body["event"].as_str().unwrap_or("drift"))
        .header(TIMESTAMP, &timestamp);
    if let Some(secret) = &message.to.secret {
        request = request.header(SIGNATURE, signature(secret, &timestamp, &body));
    }
    Ok(client.request(request.body(Full::from(body))?).await?.status())
}

/// HMAC-SHA256 (RFC 2104) over the time, a dot and the body, so that neither can be changed or sent again much later.
fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// Where to, checked.
pub fn check(webhook: &Webhook) -> Result<(), (&'static str, Value, &'static str)> {
    let is_http = webhook.url.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
    });
    if !is_http {
        return Err(("url", json!(webhook.url), "an http or https URL"));
    }
    if !matches!(&*webhook.format, "json" | "slack") {
        return Err(("format", json!(webhook.format), "json or slack"));
    }
    if rank(&webhook.min_severity) > 2 {
        return Err(("min_severity", json!(webhook.min_severity), "critical, warning or info"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_rfc() {
        // RFC 4231 test case 2, whose data has no dot: told apart at the question mark.
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"Jefe");
        let tag = ring::hmac::sign(&key, b"what do ya want for nothing?");
        assert_eq!(tag.as_ref()[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        let own = ring::hmac::sign(&key, b"17.{}");
        let hex: String = own.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature("Jefe", "17", "{}"), format!("sha256={hex}"));
    }

    #[test]
    fn addresses_and_words_are_checked() {
        let hook = |url: &str, format: &str| Webhook {
            url: url.into(),
            format: format.into(),
            min_severity: "warning".into(),
            secret: None,
            cooldown_seconds: 1,
        };
        assert!(check(&hook("https://hooks.example.org/x", "slack")).is_ok());
        for wrong in ["ftp://example.org", "example.org/x", "https://", "not a url"] {
            assert_eq!(check(&hook(wrong, "json")).unwrap_err().0, "url", "{wrong}");
        }
        assert_eq!(check(&hook("http://example.org", "xml")).unwrap_err().0, "format");
    }
}
