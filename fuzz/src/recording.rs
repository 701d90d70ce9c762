//! Bytes as a recording, one exchange on each line, so that a person can write one down and a mutation stays one:
//!
//! ```text
//! > authorization: Bearer abc
//! < location: /users/7
//! POST /users 201 {"name":"Ada"} => {"id":7,"name":"Ada"}
//! ```
//!
//! Lines with `>` and `<` are header fields of the next request and its response. Bodies are JSON unless a `content-type` says
//! otherwise.

use bytes::Bytes;
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};

/// More would take an iteration longer than it finds.
const MAX_EXCHANGES: usize = 48;
/// When the first one happened, in Unix milliseconds, and how much later each next one did.
const BEGAN_MS: u64 = 1_750_000_000_000;
const STEP_MS: u64 = 50;

pub(crate) fn exchanges(data: &[u8]) -> Vec<Exchange> {
    let (mut all, mut sent, mut came) = (Vec::new(), Vec::new(), Vec::new());
    for line in data.split(|byte| *byte == b'\n') {
        match line.split_first() {
            None => {}
            Some((b'>', field)) => sent.extend(header(field)),
            Some((b'<', field)) => came.extend(header(field)),
            Some(_) if all.len() == MAX_EXCHANGES => break,
            Some(_) => {
                let id = all.len() as u64 + 1;
                all.extend(exchange(id, line, std::mem::take(&mut sent), std::mem::take(&mut came)));
            }
        }
    }
    all
}

pub(crate) fn learn<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> Model {
    let mut model = Model::default();
    exchanges.into_iter().for_each(|exchange| model.learn(exchange));
    model
}

fn header(field: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(field);
    let (name, value) = text.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

fn exchange(id: u64, line: &[u8], sent: Vec<(String, String)>, came: Vec<(String, String)>) -> Option<Exchange> {
    let arrow = line.windows(4).position(|window| window == b" => ");
    let (asked, answer) = arrow.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 4..]));
    let mut words = asked.splitn(4, |byte| *byte == b' ');
    let (method, target, status) = (words.next()?, words.next()?, words.next()?);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status: u16 = text(status).parse().ok().filter(|status| (100..600).contains(status))?;
    let (headers, body) = message(sent, words.next().unwrap_or_default());
    let request = Request { method: text(method), target: text(target), headers, body };
    let (headers, body) = message(came, answer);
    Some(Exchange {
        id,
        received_at_ms: BEGAN_MS + id * STEP_MS,
        latency_us: 900 + id * 37 % 400,
        request,
        response: Response { status, headers, body },
    })
}

fn message(mut fields: Vec<(String, String)>, body: &[u8]) -> (Headers, Body) {
    if !body.is_empty() && fields.iter().all(|(name, _)| name != "content-type") {
        fields.push(("content-type".into(), "application/json".into()));
    }
    (Headers(fields), Body { bytes: Bytes::copy_from_slice(body), truncated: false })
}
