//! `understudy replay FILE`: sends the requests of a recording (HAR) to an address, and says how it did.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use clap::Args;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::progress;
use super::remote::{Client, plain_client, print};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A recording (HAR), as browsers and `/admin/traffic.har` write it
    file: PathBuf,
    /// Base URL that the requests are sent to [default: where this configuration listens]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Requests under way at once; 1 keeps their order
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Requests a second at most [default: as many as are answered]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Time for one answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// A request as it was recorded.
#[derive(Debug)]
struct Recorded {
    method: Method,
    /// Path and query.
    target: String,
    fields: HeaderMap,
    body: Bytes,
    /// What was answered then.
    status: u64,
}

/// What became of one.
struct Outcome {
    target: String,
    method: Method,
    then: u64,
    now: Result<u16, String>,
    took: Duration,
}

/// What became of all.
#[derive(Debug, Default)]
struct Report {
    sent: usize,
    same: usize,
    failed: usize,
    left: usize,
    statuses: BTreeMap<u16, usize>,
    /// Microseconds, ascending.
    took_us: Vec<u64>,
    /// Those that were answered otherwise than then, or not at all.
    differ: Vec<Value>,
    elapsed: Duration,
}

/// Of those that differ, so many are told.
const SHOWN: usize = 20;

/// What is printed, and whether every request got an answer.
pub(super) async fn run(config: &Config, replay: Replay) -> anyhow::Result<(String, bool)> {
    let bytes = std::fs::read(&replay.file).with_context(|| format!("read {}", replay.file.display()))?;
    let recorded = read(&bytes).with_context(|| format!("read the recording {}", replay.file.display()))?;
    let base = base(config, replay.to.as_deref())?;
    let report = send_all(config, &replay, &base, recorded).await?;
    let all_answered = report.failed == 0 && report.left == 0;
    let text = if replay.json { print(&report.json())? } else { report.text() };
    Ok((text, all_answered))
}

fn base(config: &Config, to: Option<&str>) -> anyhow::Result<String> {
    let listen = format!("{}://{}", if config.tls.is_some() { "https" } else { "http" }, config.listen);
    let base = to.map_or(listen, |to| to.trim_end_matches('/').to_owned());
    let uri: Uri =
        base.parse().with_context(|| format!("read --to {base:?}: expected a URL such as http://localhost:8000"))?;
    if uri.scheme().is_none() || uri.authority().is_none() || uri.query().is_some() {
        bail!("read --to {base:?}: expected a URL such as http://localhost:8000");
    }
    Ok(base)
}

fn read(bytes: &[u8]) -> anyhow::Result<Vec<Recorded>> {
    let har: Value = serde_json::from_slice(bytes).context("it is not JSON")?;
    let entries = har["log"]["entries"].as_array().context("log.entries is not there: expected a HAR")?;
    entries
        .iter()
        .enumerate()
        .map(|(at, entry)| recorded(entry).with_context(|| format!("log.entries[{at}]")))
        .collect()
}

fn recorded(entry: &Value) -> anyhow::Result<Recorded> {
    let request = &entry["request"];
    let method = request["method"].as_str().and_then(|method| method.parse().ok());
    let url = request["url"].as_str().context("request.url is not there: expected a URL")?;
    let uri: Uri = url
        .split('#')
        .next()
        .unwrap_or(url)
        .parse()
        .with_context(|| format!("request.url is {url:?}: expected a URL"))?;
    let data = &request["postData"];
    let text = data["text"].as_str().unwrap_or_default();
    let body = match data["encoding"].as_str() {
        Some("base64") => BASE64_STANDARD.decode(text).context("request.postData.text is not base64")?,
        _ => text.as_bytes().to_vec(),
    };
    Ok(Recorded {
        method: method.with_context(|| format!("request.method is {}: expected a method", request["method"]))?,
        target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        fields: fields(&request["headers"]),
        body: body.into(),
        status: entry["response"]["status"].as_u64().unwrap_or_default(),
    })
}

/// Without those that belong to the connection of then (RFC 9110 §7.6.1), and HTTP/2's own.
fn fields(list: &Value) -> HeaderMap {
    const LEFT_OUT: [HeaderName; 7] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let mut fields = HeaderMap::new();
    for field in list.as_array().into_iter().flatten() {
        let name = field["name"].as_str().and_then(|name| HeaderName::try_from(name).ok());
        let value = field["value"].as_str().and_then(|value| HeaderValue::try_from(value).ok());
        if let (Some(name), Some(value)) = (name, value)
            && !LEFT_OUT.contains(&name)
        {
            fields.append(name, value);
        }
    }
    fields
}

async fn send_all(config: &Config, replay: &Replay, base: &str, recorded: Vec<Recorded>) -> anyhow::Result<Report> {
    let client = plain_client(config)?;
    let pause = match replay.rate {
        Some(rate) if rate > 0.0 && rate.is_finite() => Duration::from_secs_f64(1.0 / rate),
        Some(rate) => bail!("read --rate {rate}: expected a number above 0"),
        None => Duration::ZERO,
    };
    let (total, began) = (recorded.len(), Instant::now());
    let bar = progress::things(total as u64);
    let timeout = Duration::from_secs(replay.timeout);
    // The schedule is fixed: an answer that is late does not move the requests behind it.
    let due =
        |at: usize| tokio::time::Instant::from_std(began) + pause.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
    let paced = futures_util::stream::iter(recorded.into_iter().enumerate()).then(|(at, recorded)| async move {
        tokio::time::sleep_until(due(at)).await;
        recorded
    });
    let send = |recorded| one(&client, base, recorded, timeout);
    let outcomes = paced.map(send).buffer_unordered(usize::from(replay.concurrency));
    let mut outcomes = std::pin::pin!(outcomes);
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut report = Report::default();
    loop {
        let outcome = tokio::select! {
            outcome = outcomes.next() => outcome,
            // What was answered until now is told all the same.
            _ = &mut interrupted => None,
        };
        let Some(outcome) = outcome else { break };
        report.add(outcome);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.left = total - report.sent;
    report.elapsed = began.elapsed();
    report.took_us.sort_unstable();
    Ok(report)
}

async fn one(client: &Client, base: &str, recorded: Recorded, timeout: Duration) -> Outcome {
    let Recorded { method, target, fields, body, status } = recorded;
    let began = Instant::now();
    let exchange = async {
        let mut request = Request::builder().method(method.clone()).uri(format!("{base}{target}"));
        if let Some(headers) = request.headers_mut() {
            *headers = fields;
        }
        let request = request.body(Full::from(body).map_err(|never| match never {}).boxed_unsync())?;
        let response = client.request(request).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        anyhow::Ok(status)
    };
    let now = match tokio::time::timeout(timeout, exchange).await {
        Ok(answered) => answered.map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
    };
    Outcome { target, method, then: status, now, took: began.elapsed() }
}

impl Report {
    fn add(&mut self, outcome: Outcome) {
        let Outcome { target, method, then, now, took } = outcome;
        self.sent += 1;
        let is_same = now.as_ref().is_ok_and(|now| u64::from(*now) == then);
        self.same += usize::from(is_same);
        match &now {
            Ok(status) => {
                *self.statuses.entry(*status).or_default() += 1;
                self.took_us.push(took.as_micros() as u64);
            }
            Err(_) => self.failed += 1,
        }
        if !is_same && self.differ.len() < SHOWN {
            let now = now.map_or_else(Value::from, Value::from);
            self.differ.push(json!({ "request": format!("{method} {target}"), "then": then, "now": now }));
        }
    }

    /// Milliseconds within which this share of the answers came.
    fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.took_us.len().checked_sub(1)?;
        Some(self.took_us[(last as f64 * share).round() as usize] as f64 / 1000.0)
    }

    fn rate(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64().max(1e-6)
    }

    fn json(&self) -> Value {
        let statuses: BTreeMap<String, usize> =
            self.statuses.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        json!({
            "sent": self.sent, "same_status": self.same, "failed": self.failed, "not_sent": self.left,
            "seconds": self.elapsed.as_secs_f64(), "per_second": self.rate(), "statuses": statuses,
            "latency_ms": {
                "p50": self.quantile(0.5), "p90": self.quantile(0.9), "p99": self.quantile(0.99), "max": self.quantile(1.0),
            },
            "differ": self.differ,
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} requests in {:.1} s ({:.1}/s): {} with the status of then, {} with another, {} without an answer, {} not sent",
            self.sent,
            self.elapsed.as_secs_f64(),
            self.rate(),
            self.same,
            self.sent - self.same - self.failed,
            self.failed,
            self.left
        )];
        let statuses: Vec<_> = self.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        lines.push(format!("statuses   {}", statuses.join(", ")));
        if let (Some(p50), Some(p90), Some(p99), Some(max)) =
            (self.quantile(0.5), self.quantile(0.9), self.quantile(0.99), self.quantile(1.0))
        {
            lines.push(format!("latency    p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, at most {max:.1} ms"));
        }
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.extend(
            self.differ
                .iter()
                .map(|one| format!("  {}: then {}, now {}", word(&one["request"]), one["then"], word(&one["now"]))),
        );
        lines.join("\n")
    }
}
