//! The list of endpoints, with a filter.

use leptos::prelude::*;
use understudy_types::{EndpointSummary, Mode, Segment, StatusCount, TemplateRule};

use super::address;
use super::habits::spark;
use super::map::map;
use crate::components::{Copyable, ShareBar, StatusMark, Template, When};
use crate::format;
use crate::parts::{Desk, Drawn};

/// Status codes that fit into a row; the detail has them all.
const STATUSES: usize = 3;
/// A longer list is narrowed before it is read.
const ROWS: usize = 500;

pub(crate) fn draw(desk: &Desk, filter: &str, open: &str) -> Drawn {
    let all = desk.backend.endpoints();
    if all.is_empty() {
        return Drawn::new("", nothing_learned(desk));
    }
    let fitting: Vec<_> = sorted(all).into_iter().filter(|endpoint| fits(endpoint, filter)).collect();
    let count = counted(fitting.len());
    let more = (fitting.len() > ROWS).then(|| format!("The first {ROWS} are shown: narrow the list to see others."));
    let mut above: Vec<Segment> = Vec::new();
    let row = |endpoint: EndpointSummary| {
        let is_open = endpoint.id == open;
        let href = address(&endpoint.id, filter);
        let shared = shared(&above, &endpoint.segments);
        above.clone_from(&endpoint.segments);
        view! { <EndpointRow endpoint href is_open shared now_ms=desk.now_ms/> }
    };
    let view = view! {
        <p class="explorer-count">{count}</p>
        <div class="table-scroll">
            <table class="rows endpoints">
                <thead>
                    <tr>
                        <th scope="col">"Endpoint"</th>
                        <th scope="col" class="number">"Requests"</th>
                        <th scope="col" class="roomy" title="Requests in the newest stretches of time">"Of late"</th>
                        <th scope="col" class="wide">"Statuses"</th>
                        <th scope="col" class="number roomy" title="Half of the answers came within this time">"p50"</th>
                        <th scope="col" class="number roomy" title="95 of 100 answers came within this time">"p95"</th>
                        <th scope="col">"Confidence"</th>
                        <th scope="col" class="roomy">"Last seen"</th>
                    </tr>
                </thead>
                <tbody>{fitting.into_iter().take(ROWS).map(row).collect_view()}</tbody>
            </table>
        </div>
        {more.map(|more| view! { <p class="body-note">{more}</p> })}
        {rules(desk)}
        {open.is_empty().then(|| map(desk))}
    };
    Drawn::new("", view.into_any())
}

/// What people decided about templates, each with its way back.
fn rules(desk: &Desk) -> Option<AnyView> {
    let rules = desk.backend.rules();
    let row = |rule: &TemplateRule| {
        let label = format!("Take back: {}", rule.words);
        view! {
            <li class="save" data-key=rule.id.to_string()>
                <span class="save-name">{rule.words.clone()}</span>
                <form method="post" action="/admin/fn/take-back">
                    <input type="hidden" name="rule" value=rule.id.to_string()/>
                    <button type="submit" class="choice" aria-label=label>"Take back"</button>
                </form>
            </li>
        }
    };
    let rows: Vec<_> = rules.iter().map(row).collect();
    let list = || {
        view! {
            <section class="panel rules" aria-labelledby="rules-title">
                <h2 id="rules-title">"Decided about templates"</h2>
                <ul class="saves">{rows}</ul>
            </section>
        }
        .into_any()
    };
    (!rules.is_empty()).then(list)
}

fn nothing_learned(desk: &Desk) -> AnyView {
    let command = format!("curl -i {}/", desk.api_url);
    view! {
        <div class="panel steps">
            <h2>"Nothing has been learned yet"</h2>
            <p>"Endpoints appear here as soon as the API has answered requests that pass through. For example:"</p>
            <Copyable text=Signal::stored(command)/>
        </div>
    }
    .into_any()
}

#[component]
fn EndpointRow(endpoint: EndpointSummary, href: String, is_open: bool, shared: usize, now_ms: u64) -> impl IntoView {
    let time = |ms: Option<f64>| ms.map_or("–".into(), format::milliseconds);
    view! {
        <tr class=if is_open { "row row-open" } else { "row" } data-key=endpoint.id>
            <td>
                <a href=href class="endpoint-link" data-noscroll="" aria-current=is_open.then_some("page")>
                    <span class="method">{endpoint.method}</span>
                    <Template segments=endpoint.segments shared/>
                </a>
                {badges(endpoint.mode, endpoint.drift)}
            </td>
            <td class="number" title=format::exact(endpoint.requests)>{format::count(endpoint.requests)}</td>
            <td class="roomy">{spark(&endpoint.recent)}</td>
            <td class="wide"><Statuses statuses=endpoint.statuses/></td>
            <td class="number roomy">{time(endpoint.latency_p50_ms)}</td>
            <td class="number roomy">{time(endpoint.latency_p95_ms)}</td>
            <td><ShareBar share=endpoint.confidence label="How far what was learned can be relied on"/></td>
            <td class="roomy"><When at_ms=endpoint.last_seen_ms now_ms/></td>
        </tr>
    }
}

/// What sets an endpoint apart from the others.
fn badges(mode: Option<Mode>, drift: Option<String>) -> AnyView {
    let mode = mode.map(|mode| match mode {
        Mode::Mock => view! { <span class="badge twin" title="The twin answers here, whatever the project's mode is">"twin"</span> }.into_any(),
        _ => view! { <span class="badge live" title="The API answers here, whatever the project's mode is">"API"</span> }.into_any(),
    });
    let drift = drift.map(|severity| {
        let class = format!("badge severity-{severity}");
        view! { <a class=class href="/admin/drift" title="What it does otherwise than it did">"drift: " {severity}</a> }
    });
    view! { {mode} {drift} }.into_any()
}

#[component]
fn Statuses(statuses: Vec<StatusCount>) -> impl IntoView {
    let rest = statuses.len().saturating_sub(STATUSES);
    view! {
        <span class="statuses">
            {statuses
                .into_iter()
                .take(STATUSES)
                .map(|each| view! { <span class="status-count"><StatusMark status=each.status/> <span class="status-times">{format::count(each.count)}</span></span> })
                .collect_view()}
            {(rest > 0).then(|| format!("and {rest} more"))}
        </span>
    }
}

/// By path, then by method: what belongs together stands together.
fn sorted(mut endpoints: Vec<EndpointSummary>) -> Vec<EndpointSummary> {
    endpoints.sort_by(|a, b| (&a.template, &a.method).cmp(&(&b.template, &b.method)));
    endpoints
}

/// How far two templates go the same way: the list reads as a tree where that is dimmed.
fn shared(above: &[Segment], below: &[Segment]) -> usize {
    above.iter().zip(below).take_while(|(above, below)| above == below).count()
}

/// Every word of the filter has to be in the method or the path.
fn fits(endpoint: &EndpointSummary, filter: &str) -> bool {
    let text = format!("{} {}", endpoint.method, endpoint.template).to_lowercase();
    filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

fn counted(n: usize) -> String {
    if n == 1 { "1 endpoint".into() } else { format!("{n} endpoints") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(method: &str, template: &str) -> EndpointSummary {
        EndpointSummary {
            id: format!("{method}{template}"),
            method: method.into(),
            graphql: None,
            template: template.into(),
            segments: Vec::new(),
            requests: 1,
            statuses: Vec::new(),
            latency_p50_ms: None,
            latency_p95_ms: None,
            confidence: 1.0,
            first_seen_ms: 0,
            last_seen_ms: 0,
            recent: Vec::new(),
            mode: None,
            drift: None,
        }
    }

    #[test]
    fn the_filter_takes_words_in_any_order() {
        let users = endpoint("GET", "/users/{id}");
        for (filter, expected) in [("", true), ("get", true), ("users GET", true), ("post", false), ("{id}", true)] {
            assert_eq!(fits(&users, filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_shared_ends_at_the_first_difference() {
        let segments = |text: &str| crate::components::segments_of(text);
        assert_eq!(shared(&segments("/users/{id}/posts"), &segments("/users/{id}/likes")), 2);
        assert_eq!(shared(&segments("/users"), &segments("/users")), 1);
        assert_eq!(shared(&[], &segments("/users")), 0);
    }

    #[test]
    fn one_path_stands_together() {
        let list = sorted(vec![endpoint("POST", "/users"), endpoint("GET", "/users/{id}"), endpoint("GET", "/users")]);
        let ids: Vec<_> = list.iter().map(|endpoint| endpoint.id.as_str()).collect();
        assert_eq!(ids, ["GET/users", "POST/users", "GET/users/{id}"]);
    }
}
