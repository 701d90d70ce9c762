//! Load at a constant rate, whatever the server does: `openloop ADDRESS PATH RATE SECONDS CONNECTIONS`.
//!
//! wrk and its like wait for an answer before they ask again, so a server that stalls is asked less and its stall counts
//! once. Here request `n` is due at `n / RATE`, on connection `n % CONNECTIONS`. A request that finds its connection still
//! busy was held up by the server, and its latency counts from when it was due; otherwise it counts from when it was sent,
//! so that a sleep which overran in this process is not laid at the server's door. One thread per connection: blocking
//! reads have the least delay of their own. Prints one line of JSON, times in microseconds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// Of each run this much is left out at the beginning.
const WARM_UP: Duration = Duration::from_millis(500);
/// An answer that takes longer breaks the run off.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, rate, seconds, connections] = args.as_slice() else {
        bail!("usage: openloop ADDRESS PATH RATE SECONDS CONNECTIONS");
    };
    let address: SocketAddr = address.parse().context("ADDRESS is not host:port")?;
    let rate: f64 = rate.parse().context("RATE is not a number")?;
    let end = Duration::from_secs_f64(seconds.parse().context("SECONDS is not a number")?) + WARM_UP;
    let connections: u32 = connections.parse().context("CONNECTIONS is not a number")?;
    ensure!(rate > 0.0 && connections > 0, "RATE and CONNECTIONS must be above 0");

    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n");
    let streams: Vec<TcpStream> = (0..connections).map(|_| connect(address)).collect::<anyhow::Result<_>>()?;
    let period = Duration::from_secs_f64(f64::from(connections) / rate);
    let start = Instant::now() + Duration::from_millis(50);
    let callers: Vec<JoinHandle<anyhow::Result<Vec<u32>>>> = (0..connections)
        .zip(streams)
        .map(|(n, stream)| {
            let caller = Caller { stream, request: request.clone(), first: start + period * n / connections, period };
            std::thread::spawn(move || caller.run(start + WARM_UP, start + end))
        })
        .collect();
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.extend(caller.join().expect("a caller does not panic")?);
    }
    report(latencies)
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

struct Caller {
    stream: TcpStream,
    request: String,
    first: Instant,
    period: Duration,
}

impl Caller {
    fn run(mut self, count_from: Instant, end: Instant) -> anyhow::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        let mut due = self.first;
        while due < end {
            let now = Instant::now();
            let from = if now < due {
                std::thread::sleep(due - now);
                Instant::now()
            } else {
                due
            };
            self.stream.write_all(self.request.as_bytes())?;
            read_answer(&mut self.stream)?;
            if due >= count_from {
                latencies.push(from.elapsed().as_micros() as u32);
            }
            due += self.period;
        }
        Ok(latencies)
    }
}

/// Reads one whole answer with a `Content-Length`; any status but 200 ends the run.
fn read_answer(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut buffer = [0; 16 << 10];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).context("wait for an answer")?;
        ensure!(read > 0, "the connection was closed, or the answer is longer than {} bytes", buffer.len());
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
        ensure!(text.starts_with("http/1.1 200"), "answered {:?}", text.lines().next());
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).context("no Content-Length")?;
        if filled >= head + 4 + length.trim().parse::<usize>()? {
            return Ok(());
        }
    }
}

fn report(mut latencies: Vec<u32>) -> anyhow::Result<()> {
    ensure!(!latencies.is_empty(), "no request was counted");
    latencies.sort_unstable();
    let at = |quantile: f64| latencies[((latencies.len() - 1) as f64 * quantile) as usize];
    println!(
        r#"{{"requests":{},"p50":{},"p90":{},"p99":{},"p999":{}}}"#,
        latencies.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999)
    );
    Ok(())
}
