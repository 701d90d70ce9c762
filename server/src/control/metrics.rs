//! `GET /admin/metrics`: counters and gauges in Prometheus' text format 0.0.4. docs/metrics.md says what each means; their names do
//! not change.

use std::fmt::{self, Display, Write};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use understudy_contract::Contract;
use understudy_types::{Breaker, DURATION_BOUNDS_US, Health, Mode, PartState, Source, Status};

use crate::handles::Handles;
use crate::stats::DurationCounts;

const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Endpoints with lines of their own: those with the most requests. Each costs a Prometheus server a series for each status.
const ENDPOINTS: usize = 500;

pub(super) async fn get(State(handles): State<Arc<Handles>>) -> impl IntoResponse {
    let mut page = Page::default();
    process(&mut page, &handles.status());
    traffic(&mut page, &handles.status(), &handles.stats.durations());
    upstream(&mut page, &handles.status());
    learning(&mut page, &handles.status());
    endpoints(&mut page, &handles.snapshot.load().contract);
    ([(CONTENT_TYPE, MEDIA_TYPE)], page.text)
}

fn process(page: &mut Page, status: &Status) {
    page.gauge("build_info", "Always 1; the version is its label.");
    page.sample("build_info", &[("version", &status.version)], 1);
    page.gauge("uptime_seconds", "Since the start of the process.");
    page.sample("uptime_seconds", &[], status.uptime_seconds);
    if let Some(bytes) = status.memory_bytes {
        page.gauge("resident_memory_bytes", "Resident memory of the process.");
        page.sample("resident_memory_bytes", &[], bytes);
    }
    page.gauge("mode", "1 for the mode that is on, 0 for the others.");
    for (word, mode) in [("proxy", Mode::Proxy), ("mock", Mode::Mock), ("shadow", Mode::Shadow)] {
        page.sample("mode", &[("mode", word)], u8::from(status.mode == mode));
    }
    page.gauge("part_up", "1 while a part beside the traffic does its work; 0 while it hangs, fails or is gone.");
    for part in &status.parts {
        page.sample("part_up", &[("part", &part.name)], u8::from(part.state == PartState::Ok));
    }
    page.counter("part_restarts_total", "How often a part panicked and began anew.");
    for part in &status.parts {
        page.sample("part_restarts_total", &[("part", &part.name)], part.restarts);
    }
    page.gauge("chaos_on", "1 while faults are injected on purpose.");
    page.sample("chaos_on", &[], u8::from(status.chaos.on));
}

fn traffic(page: &mut Page, status: &Status, durations: &[(Source, DurationCounts)]) {
    let counters = status.counters;
    let refused = counters.requests - counters.upstream - counters.twin - counters.fault;
    page.counter("requests_total", "Answers, by who gave them; none is a refusal of Understudy's own.");
    for (source, count) in
        [("upstream", counters.upstream), ("twin", counters.twin), ("fault", counters.fault), ("none", refused)]
    {
        page.sample("requests_total", &[("source", source)], count);
    }
    page.counter("errors_total", "Answers of 500 and above, and refusals of Understudy's own.");
    page.sample("errors_total", &[], counters.errors);
    page.family("request_duration_seconds", "histogram", "From the head of a request to the last byte of its answer.");
    for (source, counted) in durations {
        histogram(page, word(*source), counted);
    }
}

const fn word(source: Source) -> &'static str {
    match source {
        Source::Upstream => "upstream",
        Source::Twin => "twin",
        Source::Fault => "fault",
        Source::None => "none",
    }
}

fn histogram(page: &mut Page, source: &str, counted: &DurationCounts) {
    let mut so_far = 0;
    for (count, bound_us) in counted.counts.iter().zip(DURATION_BOUNDS_US) {
        so_far += count;
        let bound = (bound_us as f64 / 1e6).to_string();
        page.sample("request_duration_seconds_bucket", &[("source", source), ("le", &bound)], so_far);
    }
    let all: u64 = counted.counts.iter().sum();
    page.sample("request_duration_seconds_bucket", &[("source", source), ("le", "+Inf")], all);
    page.sample("request_duration_seconds_sum", &[("source", source)], counted.sum_us as f64 / 1e6);
    page.sample("request_duration_seconds_count", &[("source", source)], all);
}

fn upstream(page: &mut Page, status: &Status) {
    let upstream = &status.upstream;
    page.gauge("upstream_up", "1 when upstream answers, 0 when it does not; absent while nothing was asked of it.");
    if upstream.health != Health::Unknown {
        page.sample("upstream_up", &[], u8::from(upstream.health == Health::Up));
    }
    page.gauge("breaker_state", "1 for the state that the circuit breaker is in, 0 for the others.");
    let states = [("closed", Breaker::Closed), ("open", Breaker::Open), ("half-open", Breaker::HalfOpen)];
    for (word, state) in states {
        page.sample("breaker_state", &[("state", word)], u8::from(upstream.breaker == state));
    }
    if let Some(millis) = upstream.latency_ms {
        page.gauge("upstream_latency_seconds", "Median of upstream's last answers.");
        page.sample("upstream_latency_seconds", &[], millis / 1000.0);
    }
    page.gauge(
        "outbox_waiting",
        "Writes that the twin took in upstream's place and that wait to be replayed or dropped.",
    );
    page.sample("outbox_waiting", &[], status.outbox);
}

fn learning(page: &mut Page, status: &Status) {
    let learner = status.learner;
    let counters = [
        ("learner_offered_total", "Exchanges handed to the learner.", learner.offered),
        ("learner_learned_total", "Exchanges learned and stored.", learner.learned),
        ("learner_shed_total", "Exchanges let go because the queue was full.", learner.shed),
        ("learner_bodies_shed_total", "Bodies let go for want of memory.", learner.bodies_shed),
    ];
    for (name, help, value) in counters {
        page.counter(name, help);
        page.sample(name, &[], value);
    }
    page.gauge("learner_pending", "Exchanges handed over and not yet learned.");
    page.sample("learner_pending", &[], learner.pending);
    page.gauge("endpoints", "Endpoints that were learned.");
    page.sample("endpoints", &[], status.endpoints);
    page.gauge("drift_alerts", "Unresolved findings of the watchdog, by severity.");
    let drift = &status.drift;
    for (severity, count) in [("critical", drift.critical), ("warning", drift.warning), ("info", drift.info)] {
        page.sample("drift_alerts", &[("severity", severity)], count);
    }
    page.gauge("drift_score", "0, as it was, to 100.");
    page.sample("drift_score", &[], drift.score);
}

fn endpoints(page: &mut Page, contract: &Contract) {
    let mut busiest: Vec<_> = contract.endpoints().iter().collect();
    busiest.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.id.cmp(&b.id)));
    busiest.truncate(ENDPOINTS);
    page.counter("endpoint_requests_total", "Exchanges learned since the project began, of the 500 busiest endpoints.");
    for endpoint in busiest {
        for (status, count) in endpoint.statuses() {
            let graphql = endpoint.graphql.as_deref().unwrap_or_default();
            let labels = [
                ("method", endpoint.method.as_str()),
                ("template", &endpoint.template),
                ("operation", graphql),
                ("status", &status.to_string()),
            ];
            page.sample("endpoint_requests_total", &labels, count);
        }
    }
}

/// The text so far. Every name begins with `understudy_`.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.family(name, "counter", help);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP understudy_{name} {help}\n# TYPE understudy_{name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let all: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let all = if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) };
        self.write(format_args!("understudy_{name}{all} {value}\n"));
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a text takes what is written to it");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        let mut page = Page::default();
        page.sample("x", &[("a", "q\"\\\n"), ("b", "")], 1);
        assert_eq!(page.text, "understudy_x{a=\"q\\\"\\\\\\n\",b=\"\"} 1\n");
    }
}
