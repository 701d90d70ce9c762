//! Lists: in which order their rows stand, how many make a page, and how the next page is reached.
//!
//! All three depend on what was asked for and by whom, so they belong to one query, to the letter, of one endpoint and one caller. An order is whatever held in
//! each of the first looks: several fields may be sorted, because things that were made later have higher numbers and
//! later dates. It has changed once none of them is, and not by one row alone. How many rows make a page is known only where
//! answers say that there are more of them; otherwise it is how many there are.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Exchange, names};

/// Queries of an endpoint that are kept apart.
const QUERIES: usize = 8;
/// Looks at a query before anything is a habit, and how many of the following answers one look comes in.
const LOOKS: u32 = 20;
/// The first calls of a query are not looked at: most queries never come again.
const FIRST: u32 = 3;
const SETTLED: u32 = 64;
const EVERY: u32 = 32;
/// Fewer rows are in order by chance; and so many neighbours have to stand the wrong way round, and one in so many.
const ROWS: usize = 4;
const WRONG: u32 = 3;
const SHARE: u32 = 4;
/// Names of what tells of the next page are made of these; `next_payment_at` is none.
const PAGING: [&str; 20] = [
    "next",
    "more",
    "has",
    "is",
    "page",
    "pages",
    "cursor",
    "token",
    "link",
    "url",
    "uri",
    "href",
    "offset",
    "start",
    "marker",
    "key",
    "path",
    "results",
    "available",
    "after",
];
/// Longer bodies are not looked at.
const MAX_BYTES: usize = 256 << 10;

/// What is known of the answers to one query.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rows {
    query: u32,
    /// JSON Pointer to the list.
    at: String,
    calls: u32,
    looks: u32,
    /// Fields by which the rows were sorted in every look, and whether upwards.
    order: Vec<(String, bool)>,
    /// Looks that told something about it; and the values that stood there in the last one.
    ordered: u32,
    sequence: u64,
    /// There is none.
    is_unordered: bool,
    /// Rows of an answer after which there are more, and how the next are reached.
    page: Option<(usize, String)>,
    pages: u32,
    is_unpaged: bool,
}

/// How an answer departed from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Order,
    Paging,
}

/// All queries of an endpoint, and what the last look showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lists {
    all: Vec<Rows>,
    /// Which of them, and what it could have shown.
    #[serde(skip)]
    pub(super) now: Option<(u32, [bool; 2])>,
}

impl Lists {
    /// Looks at an answer, if it is its turn or `wary`. What departed, and what stands there now.
    pub(super) fn look(&mut self, exchange: &Exchange, wary: bool) -> Vec<(Change, u32, String)> {
        let query = asked(exchange);
        let rows = self.of(query);
        rows.calls = rows.calls.wrapping_add(1);
        let is_turn = wary || rows.calls >= FIRST && rows.looks < SETTLED || rows.calls.is_multiple_of(EVERY);
        if !is_turn || rows.is_unordered && rows.is_unpaged || exchange.response.body.bytes.len() > MAX_BYTES {
            return Vec::new();
        }
        let Ok(body) = serde_json::from_slice::<Value>(&exchange.response.body.bytes) else { return Vec::new() };
        if rows.looks == 0 {
            let found = find(&body, "", 2);
            // What is no list never becomes one unnoticed.
            (rows.is_unordered, rows.is_unpaged) = (found.is_none(), found.is_none());
            rows.at = found.map(|(at, _)| at).unwrap_or_default();
        }
        rows.looks += 1;
        let Some(Value::Array(list)) = body.pointer(&rows.at) else { return Vec::new() };
        let (order, paging) = (rows.order(list, wary), rows.paging(list.len(), &body, exchange));
        self.now = Some((query, [order.is_some(), paging.is_some()]));
        let found = [(Change::Order, order.flatten()), (Change::Paging, paging.flatten())];
        found.into_iter().filter_map(|(change, shown)| shown.map(|shown| (change, query, shown))).collect()
    }

    fn of(&mut self, query: u32) -> &mut Rows {
        let at = self.all.iter().position(|rows| rows.query == query).unwrap_or_else(|| {
            let new = Rows { query, ..Rows::default() };
            // One that was asked for once or twice makes room.
            let least = (0..self.all.len()).min_by_key(|at| self.all[*at].calls);
            match least.filter(|_| self.all.len() >= QUERIES) {
                Some(at) => {
                    // What was asked for long ago loses its weight.
                    self.all.iter_mut().for_each(|rows| rows.calls /= 2);
                    self.all[at] = new;
                    at
                }
                None => {
                    self.all.push(new);
                    self.all.len() - 1
                }
            }
        });
        &mut self.all[at]
    }

    /// In how many looks a change of this query could have shown.
    pub(super) fn looks(&self, query: u32, change: Change) -> u32 {
        let rows = self.all.iter().find(|rows| rows.query == query);
        rows.map_or(0, |rows| if change == Change::Order { rows.ordered } else { rows.pages })
    }

    /// Where the rows stand, and what held of them.
    pub(super) fn before(&self, query: u32, change: Change) -> (String, String) {
        let Some(rows) = self.all.iter().find(|rows| rows.query == query) else { return Default::default() };
        match (change, &rows.page) {
            (Change::Order, _) => {
                (format!("{}/*", rows.at), described(rows.order.iter().map(|(name, up)| (&**name, *up))))
            }
            (Change::Paging, Some((size, next))) => (rows.at.clone(), page(*size, next)),
            (Change::Paging, None) => Default::default(),
        }
    }

    /// It is learned anew.
    pub(super) fn accept(&mut self, query: u32, change: Change) {
        if let Some(rows) = self.all.iter_mut().find(|rows| rows.query == query) {
            match change {
                Change::Order => (rows.ordered, rows.sequence) = (0, 0),
                Change::Paging => (rows.pages, rows.page) = (0, None),
            }
            rows.looks = rows.looks.min(1);
        }
    }
}

impl Rows {
    /// `Some` when the rows tell something about their order, with what they are sorted by now when it has changed.
    fn order(&mut self, rows: &[Value], wary: bool) -> Option<Option<String>> {
        if self.is_unordered || rows.len() < ROWS {
            return None;
        }
        let steps = steps(rows);
        let told: Vec<&Steps<'_>> = steps.iter().filter(|steps| steps.up + steps.down >= WRONG).collect();
        if self.ordered == 0 {
            self.order = told.iter().filter_map(|of| of.sorted().map(|up| (of.name.to_owned(), up))).collect();
            self.is_unordered = self.order.is_empty() && !told.is_empty();
        }
        let told: Vec<(&Steps<'_>, bool)> = told
            .into_iter()
            .filter_map(|of| self.order.iter().find(|(name, _)| name == of.name).map(|(_, up)| (of, *up)))
            .collect();
        let sequence = told.iter().fold(1, |all, (of, _)| crate::hash::combine(all, of.values));
        if told.is_empty() {
            return None;
        }
        let is_wrong = |(of, up): &&(&Steps<'_>, bool)| of.against(*up) > 0;
        let wrong: Vec<_> = told.iter().filter(is_wrong).collect();
        let is_far = wrong.iter().all(|(of, up)| {
            let against = of.against(*up);
            against >= WRONG && against * SHARE >= of.up + of.down
        });
        if wrong.len() == told.len() && is_far && self.ordered >= LOOKS {
            let now = steps.iter().filter_map(|of| of.sorted().map(|up| (of.name, up)));
            return Some(Some(described(now)));
        }
        if wrong.len() == told.len() && wary {
            return None;
        }
        // It was no order by these.
        let out: Vec<&str> = wrong.iter().map(|(of, _)| of.name).collect();
        self.order.retain(|(name, _)| !out.contains(&&**name));
        self.is_unordered = self.order.is_empty();
        // The same rows again say nothing more.
        if sequence != self.sequence {
            self.ordered += 1;
        }
        self.sequence = sequence;
        (!self.is_unordered && self.ordered >= LOOKS).then_some(None)
    }

    /// `Some` when there are more rows than the answer has, with its size when that has changed.
    fn paging(&mut self, rows: usize, body: &Value, exchange: &Exchange) -> Option<Option<String>> {
        let next = next_page(body, exchange)?;
        if self.is_unpaged || rows == 0 {
            return None;
        }
        let now = (rows, next);
        if self.page.is_none() {
            self.page = Some(now.clone());
        }
        if self.page.as_ref() == Some(&now) {
            self.pages += 1;
            return (self.pages >= LOOKS).then_some(None);
        }
        if self.pages >= LOOKS {
            return Some(Some(page(now.0, &now.1)));
        }
        self.is_unpaged = true;
        None
    }
}

fn page(rows: usize, next: &str) -> String {
    format!("{rows} rows, the next by {next}")
}

fn described<'n>(order: impl Iterator<Item = (&'n str, bool)>) -> String {
    let all: Vec<String> =
        order.map(|(name, up)| format!("{name} {}", if up { "upwards" } else { "downwards" })).take(4).collect();
    if all.is_empty() { "in no order".to_owned() } else { format!("by {}", all.join(" or ")) }
}

/// The longest list of objects, at most so deep.
fn find(value: &Value, at: &str, depth: u8) -> Option<(String, usize)> {
    match value {
        Value::Array(rows) => rows.iter().all(Value::is_object).then(|| (at.to_owned(), rows.len())),
        Value::Object(members) if depth > 0 => {
            let below = members.iter().filter_map(|(name, value)| {
                find(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), depth - 1)
            });
            below.max_by_key(|(_, rows)| *rows)
        }
        _ => None,
    }
}

/// How the values of one field follow each other from row to row.
struct Steps<'v> {
    name: &'v str,
    up: u32,
    down: u32,
    /// Hash of the values.
    values: u64,
}

impl Steps<'_> {
    /// Whether upwards, if it is sorted.
    fn sorted(&self) -> Option<bool> {
        (self.up + self.down >= WRONG && (self.up == 0 || self.down == 0)).then_some(self.down == 0)
    }

    fn against(&self, up: bool) -> u32 {
        if up { self.down } else { self.up }
    }
}

/// Of the fields that every row has, with values that can be told apart in order.
fn steps(rows: &[Value]) -> Vec<Steps<'_>> {
    let Some(Value::Object(first)) = rows.first() else { return Vec::new() };
    first.keys().filter_map(|name| steps_of(rows, name)).collect()
}

fn steps_of<'v>(rows: &[Value], name: &'v str) -> Option<Steps<'v>> {
    let mut steps = Steps { name, up: 0, down: 0, values: 1 };
    let mut last: Option<&Value> = None;
    for row in rows {
        let value = row.get(name)?;
        steps.values = crate::hash::combine(steps.values, key_hash(value)?);
        if let Some(last) = last {
            match compare(last, value)? {
                std::cmp::Ordering::Less => steps.up += 1,
                std::cmp::Ordering::Greater => steps.down += 1,
                std::cmp::Ordering::Equal => {}
            }
        }
        last = Some(value);
    }
    Some(steps)
}

fn key_hash(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => Some(crate::hash::hash(&number.as_f64()?.to_bits().to_le_bytes())),
        Value::String(text) => Some(crate::hash::hash(text.as_bytes())),
        _ => None,
    }
}

/// Texts by their letters; how others are sorted differs from place to place.
fn compare(one: &Value, other: &Value) -> Option<std::cmp::Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) if one.is_ascii() && other.is_ascii() => {
            let folded = |text: &str| text.to_ascii_lowercase();
            Some(folded(one).cmp(&folded(other)))
        }
        _ => None,
    }
}

/// How the next page is reached, when the answer says that there is one: by a link (RFC 8288), or by a field beside the rows that
/// speaks of what is next or of more.
fn next_page(body: &Value, exchange: &Exchange) -> Option<String> {
    let links =
        exchange.response.headers.0.iter().filter(|(name, _)| name == "link").flat_map(|(_, all)| all.split(','));
    let is_next = |link: &&str| {
        let rel = link.split(';').skip(1).filter_map(|of| of.trim().strip_prefix("rel="));
        rel.map(|rel| rel.trim_matches('"')).any(|rel| rel.eq_ignore_ascii_case("next"))
    };
    if let Some(link) = links.into_iter().find(is_next) {
        let target = link.split(';').next().unwrap_or_default().trim().trim_matches(['<', '>']);
        return Some(format!("a link{}", parameters(target)));
    }
    let beside = body.as_object()?;
    let below = beside.values().filter_map(Value::as_object).flatten();
    beside.iter().chain(below).find_map(|(name, value)| told(name, value))
}

/// The query and who asks, in one hash.
fn asked(exchange: &Exchange) -> u32 {
    let whose = exchange.request.headers.0.iter().filter(|(name, _)| name == "authorization" || name == "cookie");
    let query = crate::hash::hash(exchange.request.query().unwrap_or_default().as_bytes());
    whose.fold(query, |all, (_, value)| crate::hash::mix(all, value.as_bytes())) as u32
}

fn told(name: &str, value: &Value) -> Option<String> {
    let words = names::words(name);
    if !words.iter().all(|word| PAGING.contains(&&**word)) {
        return None;
    }
    let says = |word: &str| words.iter().any(|one| one == word);
    match value {
        Value::Bool(true) if says("more") || says("next") => Some(name.to_owned()),
        Value::Number(_) if says("next") => Some(format!("{name}, a number")),
        Value::String(text) if says("next") && !text.is_empty() => Some(match text.contains(['/', '?']) {
            true => format!("{name}, a link{}", parameters(text)),
            false => format!("{name}, a token"),
        }),
        Value::Object(link) if says("next") && !link.is_empty() => {
            let target = link.get("href").and_then(Value::as_str).unwrap_or_default();
            Some(format!("{name}, a link{}", parameters(target)))
        }
        _ => None,
    }
}

/// The names of a link's query parameters.
fn parameters(target: &str) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut all: Vec<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() { String::new() } else { format!(" with {}", all.join(", ")) }
}
