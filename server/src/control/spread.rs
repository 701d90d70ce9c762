//! How values spread in the newest answers of an endpoint: what a schema's bounds do not tell.

use std::collections::BTreeMap;

use serde_json::Value;
use understudy_types::Spread;

use crate::handles::Handles;

/// Rows among which its answers are looked for, answers that are looked through, and bytes of them: it is a picture and no
/// statistic.
const ROWS: usize = 1000;
const ANSWERS: usize = 200;
const MAX_BYTES: usize = 1 << 20;
/// Values of one position.
const VALUES: usize = 2000;
/// Positions of one body.
const POSITIONS: usize = 500;
/// Fewer make no picture.
const LEAST_VALUES: usize = 5;
const BARS: usize = 10;

/// By pointer, with `*` for an item, as the fields of a schema have it.
pub(super) fn spreads(handles: &Handles, endpoint: &str, status: u16) -> BTreeMap<String, Spread> {
    let snapshot = handles.snapshot.load();
    let Some(known) = snapshot.contract.endpoint(endpoint) else { return BTreeMap::new() };
    let is_own = |target: &str| {
        let path = target.split('?').next().unwrap_or_default();
        snapshot.contract.find(&known.method, path).is_some_and(|hit| hit.endpoint.id == known.id)
    };
    // Where the rows are kept others wait: whose they are is asked afterwards.
    let rows = handles.traffic.page(None, ROWS, |row| row.method == known.method && row.status == status);
    let own = rows.iter().filter(|row| is_own(&row.target)).take(ANSWERS);
    let (mut gathered, mut room) = (Gathered::default(), MAX_BYTES);
    for exchange in own.filter_map(|row| handles.exchanges.find(row.id)) {
        let bytes = &exchange.response.body.bytes;
        let Some(left) = room.checked_sub(bytes.len()) else { break };
        room = left;
        if let Ok(body) = serde_json::from_slice(bytes) {
            gathered.add(&body, &mut String::new());
        }
    }
    gathered.spreads()
}

/// Numbers, and lengths, by pointer.
#[derive(Default)]
struct Gathered(BTreeMap<String, (Vec<f64>, Vec<f64>)>);

impl Gathered {
    fn add(&mut self, value: &Value, pointer: &mut String) {
        let length = pointer.len();
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    self.add(member, pointer);
                    pointer.truncate(length);
                }
            }
            Value::Array(items) => {
                self.note(pointer, items.len() as f64, true);
                pointer.push_str("/*");
                items.iter().for_each(|item| self.add(item, pointer));
                pointer.truncate(length);
            }
            Value::String(text) => self.note(pointer, text.chars().count() as f64, true),
            Value::Number(number) => self.note(pointer, number.as_f64().unwrap_or_default(), false),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn note(&mut self, pointer: &str, value: f64, is_length: bool) {
        if !self.0.contains_key(pointer) && self.0.len() >= POSITIONS {
            return;
        }
        let (numbers, lengths) = self.0.entry(pointer.to_owned()).or_default();
        let values = if is_length { lengths } else { numbers };
        if values.len() < VALUES {
            values.push(value);
        }
    }

    fn spreads(self) -> BTreeMap<String, Spread> {
        let of = |(pointer, (numbers, lengths)): (String, (Vec<f64>, Vec<f64>))| {
            let of_length = numbers.len() < lengths.len();
            Some((pointer, spread(if of_length { lengths } else { numbers }, of_length)?))
        };
        self.0.into_iter().filter_map(of).collect()
    }
}

/// Nothing of too few values, or of one that is always the same.
fn spread(mut values: Vec<f64>, of_length: bool) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    if values.len() < LEAST_VALUES || least >= most {
        return None;
    }
    let mut bars = vec![0; BARS];
    for value in &values {
        let at = ((value - least) / (most - least) * BARS as f64) as usize;
        bars[at.min(BARS - 1)] += 1;
    }
    Some(Spread { of_length, count: values.len() as u64, least, median: values[values.len() / 2], most, bars })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_spread_by_value_and_texts_by_length() {
        let mut gathered = Gathered::default();
        let items: Vec<Value> =
            (0..10).map(|at| json!({"n": at, "a/b": "x".repeat(at), "same": 1, "is": true})).collect();
        gathered.add(&json!({ "items": items }), &mut String::new());
        let spreads = gathered.spreads();
        assert_eq!(spreads.keys().collect::<Vec<_>>(), ["/items/*/a~1b", "/items/*/n"]);
        let n = &spreads["/items/*/n"];
        assert_eq!((n.of_length, n.count, n.least, n.median, n.most), (false, 10, 0.0, 5.0, 9.0));
        assert_eq!(n.bars, [1; BARS]);
        assert!(spreads["/items/*/a~1b"].of_length);
    }
}
