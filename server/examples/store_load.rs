//! What `bench/storage.py` measures the project file with.
//!
//! `store_load make FILE ENDPOINTS BYTES` writes a project file of that size, in which so many endpoints were learned.
//!
//! `store_load serve` is `understudy serve`, configured by the environment alone, that also stores what it is told to: for each line
//! `RATE SECONDS` it hands so many exchanges of 1 KB a second to the project's writer, as the learner does, and prints one line of
//! JSON when they are in the file. It ends with its standard input.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use mimalloc::MiMalloc;
use understudy_contract::drift::Watchdog;
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};
use understudy_server::app::App;
use understudy_server::config::{Config, Flags, Layers, ProcessEnv};
use understudy_server::handles::Handles;
use understudy_server::learner::give_way;
use understudy_server::store::learned::Kept;
use understudy_server::store::{Batch, Keep, Store};
use understudy_server::twin::now_ms;
use understudy_types::{Source, TrafficRow};

/// As the program has.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Bodies that come in turn; far more than share a block, so that none is stored for another.
const BODIES: usize = 8192;
/// Exchanges in a batch: fewer wait a little, more go in two.
const BATCH: std::ops::RangeInclusive<u64> = 1024..=8192;
/// Of the bodies that fill a file.
const FILLER_BYTES: usize = 16 << 10;
/// Exchanges that the twin is computed from.
const JOURNAL: usize = 5000;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", file, endpoints, bytes] => make(Path::new(file), endpoints.parse()?, bytes.parse()?),
        ["serve"] => serve(),
        _ => bail!("usage: store_load make FILE ENDPOINTS BYTES | store_load serve"),
    }
}

fn serve() -> anyhow::Result<()> {
    let (config, mistakes) = Config::check(&Layers::read(&Flags::default(), &ProcessEnv));
    let file = config.data_dir.join(&config.project);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let app = runtime.block_on(App::start(config, mistakes)).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (rate, seconds) = line.split_once(' ').context("a line is not RATE SECONDS")?;
        let (rate, during) = (rate.parse()?, Duration::from_secs_f64(seconds.parse()?));
        let (handles, file) = (app.handles(), file.clone());
        // A thread of its own in the learner's place, with the learner's priority.
        let pump = std::thread::spawn(move || {
            give_way();
            pump(&handles, &file, rate, during)
        });
        println!("{}", pump.join().expect("a pump does not panic")?);
    }
    runtime.block_on(app.shutdown());
    Ok(())
}

/// Stores at a constant rate, and tells what became of it.
fn pump(handles: &Handles, file: &Path, rate: f64, during: Duration) -> anyhow::Result<String> {
    let bodies: Vec<Bytes> = (0..BODIES).map(|n| Bytes::from(json_of_1_kb(n))).collect();
    let log = file.with_file_name(format!("{}-wal", file.file_name().unwrap_or_default().to_string_lossy()));
    let (mut stored, mut log_bytes, mut slowest) = (0_u64, 0, Duration::ZERO);
    let began = Instant::now();
    while began.elapsed() < during {
        let due = (began.elapsed().as_secs_f64() * rate) as u64 - stored;
        if due < *BATCH.start() {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        }
        let count = due.min(*BATCH.end());
        let exchanges = (0..count).map(|_| {
            let id = handles.next_id();
            exchange(id, id as usize % 71, bodies[id as usize % BODIES].clone())
        });
        let batch = batch(exchanges.collect());
        let asked = Instant::now();
        handles.store.save(batch)?;
        slowest = slowest.max(asked.elapsed());
        stored += count;
        log_bytes = log_bytes.max(log.metadata().map_or(0, |log| log.len()));
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(format!(
        r#"{{"stored":{stored},"seconds":{seconds:.3},"per_second":{:.0},"log_bytes":{log_bytes},"slowest_batch_ms":{}}}"#,
        stored as f64 / seconds,
        slowest.as_millis()
    ))
}

fn batch(exchanges: Vec<Exchange>) -> Batch {
    let traffic = exchanges.iter().map(row).collect();
    Batch { traffic, recorded: exchanges.into_iter().map(Arc::new).collect(), ..Batch::default() }
}

fn make(file: &Path, endpoints: usize, bytes: u64) -> anyhow::Result<()> {
    let keep = Keep { age: Duration::from_secs(10 * 365 * 24 * 3600), bytes: u64::MAX >> 1 };
    let (store, writer, _) = Store::open_keeping(file, keep)?;
    let (mut model, mut dog, mut learned) = (Model::default(), Watchdog::default(), Vec::new());
    for endpoint in 0..endpoints {
        for id in [1, 2] {
            let body = Bytes::from(json_of(endpoint, id));
            let number = (2 * endpoint + id) as u64;
            learned.push(exchange(number, endpoint, body));
            model.learn(learned.last().expect("one was just added"));
        }
    }
    let contract = model.contract();
    let found = contract.endpoints().len();
    ensure!(found == endpoints, "learned {found} endpoints and not {endpoints}");
    dog.adopt(&contract);
    for exchange in &learned {
        dog.observe(&contract, exchange);
    }
    let summary = Kept::default().next(&model, &[])?;
    let journal = learned.split_off(learned.len().saturating_sub(JOURNAL));
    let first = Batch { model: Some(summary), exchanges: journal, watchdog: Some(dog.encode()), ..Batch::default() };
    store.save(first)?;
    let (mut noise, mut id) = (0x9e37_79b9_7f4a_7c15_u64, 2 * endpoints as u64);
    while file.metadata()?.len() < bytes {
        let exchanges = (0..256).map(|_| {
            id += 1;
            exchange(id, id as usize % endpoints.max(1), filler(&mut noise))
        });
        store.save(batch(exchanges.collect()))?;
    }
    writer.close();
    Ok(())
}

/// Bytes that do not pack (xorshift).
fn filler(noise: &mut u64) -> Bytes {
    let words = (0..FILLER_BYTES / 8).flat_map(|_| {
        *noise ^= *noise << 13;
        *noise ^= *noise >> 7;
        *noise ^= *noise << 17;
        noise.to_le_bytes()
    });
    words.collect::<Vec<u8>>().into()
}

/// A tree as wide as those of large APIs: some seventy resources in some seventy areas.
fn path(endpoint: usize, id: u64) -> String {
    format!("/area{}/kind{}/{id}", letters(endpoint / 71), letters(endpoint % 71))
}

/// A digit would look like a part that changes from call to call.
fn letters(number: usize) -> String {
    let letter = |digit: usize| char::from(b'a' + (digit % 26) as u8);
    [letter(number / 676), letter(number / 26), letter(number)].iter().collect()
}

/// Each resource has fields of its own; the same ones everywhere would speak for one endpoint with a parameter.
fn json_of(endpoint: usize, id: usize) -> String {
    let fields: Vec<String> = (0..8).map(|n| format!(r#""{}_{n}":"{id}""#, letters(endpoint))).collect();
    format!("{{{}}}", fields.join(","))
}

fn json_of_1_kb(number: usize) -> String {
    let mut json = format!(r#"{{"id":{number},"rows":["#);
    let mut next = number as u64;
    while json.len() < 1000 {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        json.push_str(&format!(r#"{{"name":"row {}","amount":{}}},"#, next >> 52, next % 9973));
    }
    json.push_str("null]}");
    json
}

fn exchange(id: u64, endpoint: usize, body: Bytes) -> Exchange {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let whole = |bytes| Body { bytes, truncated: false };
    Exchange {
        id,
        received_at_ms: now_ms(),
        latency_us: 800 + id % 97,
        request: Request {
            method: "GET".into(),
            target: path(endpoint, id),
            headers: Headers(vec![field("host", "api.example"), field("accept", "*/*"), field("user-agent", "bench")]),
            body: whole(Bytes::new()),
        },
        response: Response {
            status: 200,
            headers: Headers(vec![field("content-type", "application/json"), field("cache-control", "no-store")]),
            body: whole(body),
        },
    }
}

fn row(exchange: &Exchange) -> TrafficRow {
    TrafficRow {
        id: exchange.id,
        at_ms: exchange.received_at_ms,
        method: exchange.request.method.clone(),
        target: exchange.request.target.clone(),
        template: Some("/areaaaa/kindaaa/{id}".into()),
        status: exchange.response.status,
        duration_us: exchange.latency_us,
        bytes: exchange.response.body.bytes.len() as u64,
        source: Source::Upstream,
        reason: "upstream answered".into(),
    }
}
