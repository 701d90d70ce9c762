//! What Prometheus reads.

mod support;

use std::collections::BTreeSet;

use serde_json::json;
use support::{Server, Upstream, header};

const DOCUMENTED: &str = include_str!("../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../packaging/grafana-dashboard.json");

async fn scraped() -> String {
    let upstream = Upstream::start(|_| async { support::json(200, &json!({ "id": 1 })) }).await;
    let server = Server::start(upstream.address).await;
    for id in 1..=3 {
        server.get(&format!("/things/{id}?q=\"")).await;
    }
    server.learned(3).await;
    let response = server.get("/admin/metrics").await;
    assert_eq!(header(&response, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    server.stop().await;
    text
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn answers_are_counted_and_timed() {
    let text = scraped().await;
    assert_eq!(value(&text, "understudy_requests_total{source=\"upstream\"}"), 3.0);
    assert_eq!(value(&text, "understudy_request_duration_seconds_count{source=\"upstream\"}"), 3.0);
    assert_eq!(value(&text, "understudy_request_duration_seconds_bucket{source=\"upstream\",le=\"+Inf\"}"), 3.0);
    assert!(value(&text, "understudy_request_duration_seconds_sum{source=\"upstream\"}") > 0.0);
    assert_eq!(value(&text, "understudy_learner_learned_total"), 3.0);
    assert_eq!(value(&text, "understudy_upstream_up"), 1.0);
    let series =
        "understudy_endpoint_requests_total{method=\"GET\",template=\"/things/{id}\",operation=\"\",status=\"200\"}";
    assert_eq!(value(&text, series), 3.0);
    // A family is told once, before its samples.
    let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    assert_eq!(types.len(), types.iter().collect::<BTreeSet<_>>().len());
}

#[tokio::test]
async fn every_name_is_documented_and_the_dashboard_knows_no_other() {
    let text = scraped().await;
    let names: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in &names {
        let short = name.strip_prefix("understudy_learner").unwrap_or(name);
        assert!(DOCUMENTED.contains(short), "{name} is not in docs/metrics.md");
    }
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 8);
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let query = target["expr"].as_str().unwrap();
        let used = query
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("understudy_"));
        for name in used {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(names.contains(family), "the dashboard asks for {name} in {query}");
        }
    }
}
