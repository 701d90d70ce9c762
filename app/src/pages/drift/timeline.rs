//! When alerts began and when they were last seen, beside the moments at which the baselines moved.

use leptos::prelude::*;
use understudy_types::{BaselineVersion, DriftAlert};

use super::view_of;
use crate::components::When;
use crate::format;

/// More lines than this nobody reads; the newest alerts have them.
const LANES: usize = 12;
const LANE: usize = 14;
/// A moment is that wide, in percent.
const LEAST: f64 = 0.6;

pub(super) fn timeline(alerts: &[DriftAlert], versions: &[BaselineVersion], all: bool, now_ms: u64) -> Option<AnyView> {
    let shown = &alerts[..alerts.len().min(LANES)];
    let starts = shown.iter().map(|alert| alert.first_seen_ms).chain(versions.iter().map(|version| version.at_ms));
    let begin_ms = starts.min().filter(|begin| !shown.is_empty() && *begin < now_ms)?;
    let at = |ms: u64| share(ms, begin_ms, now_ms);
    let bars: Vec<_> = shown.iter().enumerate().map(|(lane, alert)| bar(lane, alert, all, &at)).collect();
    let height = (shown.len() * LANE + 4).to_string();
    let ticks: Vec<_> = versions.iter().map(|version| tick(version, at(version.at_ms))).collect();
    let label = format!("{} since {}", alerts_words(shown.len()), format::timestamp(begin_ms));
    Some(
        view! {
            <figure class="timeline">
                <svg class="timeline-lanes" width="100%" height=height role="group" aria-label=label>{ticks}{bars}</svg>
                <figcaption class="bars-ends"><When at_ms=begin_ms now_ms/> <span>"Vertical lines: the baselines moved"</span> <span>"now"</span></figcaption>
            </figure>
        }
        .into_any(),
    )
}

/// Of the whole, in percent.
fn share(ms: u64, begin_ms: u64, end_ms: u64) -> f64 {
    ms.saturating_sub(begin_ms) as f64 * 100.0 / end_ms.saturating_sub(begin_ms).max(1) as f64
}

fn bar(lane: usize, alert: &DriftAlert, all: bool, at: &impl Fn(u64) -> f64) -> AnyView {
    let start = at(alert.first_seen_ms).min(100.0 - LEAST);
    let width = (at(alert.last_seen_ms) - start).max(LEAST);
    let words = format!("{}: {} {}: {}", alert.severity, alert.method, alert.template, alert.message);
    let class =
        format!("timeline-bar severity-{}{}", alert.severity, if alert.unresolved { "" } else { " timeline-settled" });
    let (title, href) = (words.clone(), view_of(&alert.id.to_string(), all, ""));
    view! {
        <a href=href data-noscroll="" aria-label=words>
            <rect class=class x=format!("{start:.2}%") y=(lane * LANE + 4).to_string() width=format!("{width:.2}%") height=(LANE - 6).to_string() rx="2"><title>{title}</title></rect>
        </a>
    }
    .into_any()
}

fn tick(version: &BaselineVersion, at: f64) -> AnyView {
    let x = format!("{at:.2}%");
    let words = format!("{}: {}", version.version, version.reason);
    view! { <line class="timeline-tick" x1=x.clone() x2=x y1="0" y2="100%"><title>{words}</title></line> }.into_any()
}

fn alerts_words(n: usize) -> String {
    if n == 1 { "1 alert".into() } else { format!("{n} alerts") }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn moments_are_shares_of_the_time_that_is_shown() {
        for (ms, expected) in [(100, 0.0), (150, 50.0), (200, 100.0), (50, 0.0)] {
            assert!((share(ms, 100, 200) - expected).abs() < 1e-9);
        }
        assert!(share(5, 5, 5).abs() < 1e-9);
    }
}
