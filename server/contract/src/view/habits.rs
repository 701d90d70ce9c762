//! How an endpoint behaves, for readers.

use crate::Endpoint;
use crate::names;
use crate::operation::Response;
use crate::schema::{Schema, render};
use crate::view::success_schemas;

/// Answers of one status.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusHabit {
    pub status: u16,
    pub count: u64,
    /// Of all answers, 0 to 1.
    pub share: f64,
    /// Milliseconds below which half, nine tenths and ninety-nine hundredths of the answers came.
    pub latency_ms: Option<[f64; 3]>,
    pub size: Option<Size>,
    /// Share of the answers with an `ETag`, and with a `Last-Modified`, 0 to 1.
    pub etag: f64,
    pub last_modified: f64,
    /// Values of `Cache-Control` with their counts, by value.
    pub cache_control: Vec<(String, u64)>,
}

/// Bytes of bodies, within a fifth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub median: u64,
    pub p95: u64,
    pub most: u64,
}

/// Requests over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frequency {
    /// How long a bucket is.
    pub bucket_minutes: u64,
    /// Where each bucket with requests begins, in milliseconds since 1970, and how many it holds, oldest first.
    pub buckets: Vec<(u64, u64)>,
}

/// What requests carry to say who asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Carrier {
    /// `authorization`, `header`, `cookie` or `query`.
    pub place: String,
    /// The scheme in lower case, or the name of the field.
    pub name: String,
    /// Share of all requests, 0 to 1.
    pub share: f64,
}

/// How a list may be read page by page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// Query parameters that choose the page or its size.
    pub parameters: Vec<String>,
    /// Where the items are, as a JSON Pointer.
    pub items: String,
    /// Members of the envelope that lead on or count, as JSON Pointers.
    pub members: Vec<String>,
    /// Answers carry a `Link` (RFC 8288).
    pub link_header: bool,
}

impl Endpoint {
    /// By status, ascending.
    pub fn status_habits(&self) -> impl Iterator<Item = StatusHabit> {
        let all: u64 = self.statuses().map(|(_, count)| count).sum();
        self.operation.responses.iter().map(move |(status, response)| status_habit(*status, response, all))
    }

    /// Bytes of request bodies.
    #[must_use]
    pub fn request_size(&self) -> Option<Size> {
        size(&self.operation.conduct.sent)
    }

    #[must_use]
    pub fn frequency(&self) -> Frequency {
        let rate = &self.operation.conduct.rate;
        Frequency { bucket_minutes: rate.minutes(), buckets: rate.buckets().collect() }
    }

    /// The most frequent first.
    #[must_use]
    pub fn carriers(&self) -> Vec<Carrier> {
        let carriers = &self.operation.conduct.carriers.kept;
        let mut all: Vec<Carrier> = carriers
            .iter()
            .map(|(key, count)| {
                let (place, name) = key.split_once(' ').unwrap_or((key, ""));
                let share = (count.0 as f64 / self.requests.max(1) as f64).min(1.0);
                Carrier { place: place.to_owned(), name: name.to_owned(), share }
            })
            .collect();
        all.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| (&a.place, &a.name).cmp(&(&b.place, &b.name))));
        all
    }

    /// `None` when its answers hold no list, or nothing tells of pages.
    #[must_use]
    pub fn paging(&self) -> Option<Paging> {
        let mut found = success_schemas(&self.operation).find_map(list)?;
        let asked = self.operation.query.objects.iter().flat_map(|objects| objects.fields.iter());
        found.parameters = asked.map(|(name, _)| name).filter(|name| chooses_a_page(name)).map(str::to_owned).collect();
        let mut heads = self.operation.successes().filter_map(|response| response.headers.objects.as_ref());
        found.link_header = heads.any(|objects| objects.fields.iter().any(|(name, _)| name == "link"));
        (!found.parameters.is_empty() || !found.members.is_empty() || found.link_header).then_some(found)
    }
}

fn status_habit(status: u16, response: &Response, all: u64) -> StatusHabit {
    let part = |count: u64| (count as f64 / response.count.max(1) as f64).min(1.0);
    let latency = |q: f64| response.latency.quantile(q).map(|micros| micros / 1000.0);
    let (median, p90, p99) = (latency(0.5), latency(0.9), latency(0.99));
    let mut cache_control: Vec<(String, u64)> =
        response.conduct.cache_control.iter().map(|(text, count)| (text.to_owned(), count)).collect();
    cache_control.retain(|(text, _)| !text.is_empty());
    cache_control.sort();
    StatusHabit {
        status,
        count: response.count,
        share: response.count as f64 / all.max(1) as f64,
        latency_ms: median.zip(p90).zip(p99).map(|((median, p90), p99)| [median, p90, p99]),
        size: size(&response.conduct.sizes),
        etag: part(response.conduct.etag),
        last_modified: part(response.conduct.last_modified),
        cache_control,
    }
}

fn size(sizes: &crate::conduct::Sizes) -> Option<Size> {
    Some(Size { median: sizes.quantile(0.5)?, p95: sizes.quantile(0.95)?, most: sizes.most })
}

/// The list in an answer: the answer itself, or a member of it, beside which others may tell of pages.
fn list(schema: &Schema) -> Option<Paging> {
    if schema.arrays.is_some() && schema.objects.is_none() {
        return Some(Paging::default());
    }
    let objects = schema.objects.as_ref().filter(|objects| !render::is_map(objects))?;
    let (items, _) = objects.fields.iter().find(|(_, field)| {
        field
            .schema
            .arrays
            .as_ref()
            .is_some_and(|arrays| arrays.items.objects.is_some() || arrays.count == field.present)
    })?;
    let mut members = Vec::new();
    for (name, field) in objects.fields.iter().filter(|(name, _)| *name != items) {
        if tells_of_pages(name) && field.schema.objects.is_none() {
            members.push(format!("/{name}"));
        }
        let inner = field.schema.objects.iter().flat_map(|objects| objects.fields.iter());
        members.extend(inner.filter(|(inner, _)| tells_of_pages(inner)).map(|(inner, _)| format!("/{name}/{inner}")));
    }
    Some(Paging { items: format!("/{items}"), members, ..Paging::default() })
}

fn chooses_a_page(name: &str) -> bool {
    let words = "page offset limit cursor after before skip take start per size first last since until rows count";
    let own = names::words(name);
    let known = |word: &String| words.split_ascii_whitespace().any(|known| known == word);
    // `page_size`, `per_page`, `starting_after`: such words, alone or in company.
    own.iter().any(known) && own.len() <= 3 && !own.iter().any(|word| matches!(word.as_str(), "name" | "date" | "at"))
}

fn tells_of_pages(name: &str) -> bool {
    let words = "next prev previous total count more cursor page pages offset limit last first self";
    names::words(name).iter().any(|word| words.split_ascii_whitespace().any(|known| known == word))
}
