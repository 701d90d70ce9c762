//! The list of endpoints, with a filter.

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use understudy_types::{EndpointSummary, StatusCount};

use crate::components::{ShareBar, StatusMark, Template};
use crate::format;
use crate::live::Live;

/// Status codes that fit into a row; the detail has them all.
const STATUSES: usize = 3;

#[component]
pub fn EndpointList(endpoints: Vec<EndpointSummary>) -> impl IntoView {
    let filter = expect_context::<super::Filter>().0;
    let shown = {
        let endpoints = sorted(endpoints);
        Memo::new(move |_| {
            filter
                .with(|filter| endpoints.iter().filter(|endpoint| fits(endpoint, filter)).cloned().collect::<Vec<_>>())
        })
    };
    view! {
        <p class="explorer-tools">
            <input
                type="search"
                class="filter"
                placeholder="Filter by method or path"
                aria-label="Filter by method or path"
                prop:value=move || filter.get()
                on:input=move |event| filter.set(event_target_value(&event))
            />
            <span class="explorer-count">{move || counted(shown.with(Vec::len))}</span>
        </p>
        <div class="table-scroll">
            <table class="rows endpoints">
                <thead>
                    <tr>
                        <th scope="col">"Endpoint"</th>
                        <th scope="col" class="number">"Requests"</th>
                        <th scope="col" class="wide">"Statuses"</th>
                        <th scope="col" class="number roomy" title="Half of the answers came within this time">"p50"</th>
                        <th scope="col" class="number roomy" title="95 of 100 answers came within this time">"p95"</th>
                        <th scope="col">"Confidence"</th>
                        <th scope="col" class="roomy">"Last seen"</th>
                    </tr>
                </thead>
                <tbody>{move || shown.get().into_iter().map(|endpoint| view! { <EndpointRow endpoint/> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn EndpointRow(endpoint: EndpointSummary) -> impl IntoView {
    let live = expect_context::<Live>();
    let params = use_params_map();
    let id = endpoint.id.clone();
    let is_open = move || params.with(|params| params.get_str("id") == Some(id.as_str()));
    let time = |ms: Option<f64>| ms.map_or("–".into(), format::milliseconds);
    let last_seen_ms = endpoint.last_seen_ms;
    view! {
        <tr class="row" class:row-open=is_open>
            <td>
                <A href=format!("/admin/explorer/{}", endpoint.id) attr:class="endpoint-link" scroll=false>
                    <span class="method">{endpoint.method}</span>
                    <Template segments=endpoint.segments/>
                </A>
            </td>
            <td class="number" title=format::exact(endpoint.requests)>{format::count(endpoint.requests)}</td>
            <td class="wide"><Statuses statuses=endpoint.statuses/></td>
            <td class="number roomy">{time(endpoint.latency_p50_ms)}</td>
            <td class="number roomy">{time(endpoint.latency_p95_ms)}</td>
            <td><ShareBar share=endpoint.confidence label="How far what was learned can be relied on"/></td>
            <td class="roomy when" title=format::timestamp(last_seen_ms)>{move || format::ago(last_seen_ms, live.now_ms.get())}</td>
        </tr>
    }
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
    fn one_path_stands_together() {
        let list = sorted(vec![endpoint("POST", "/users"), endpoint("GET", "/users/{id}"), endpoint("GET", "/users")]);
        let ids: Vec<_> = list.iter().map(|endpoint| endpoint.id.as_str()).collect();
        assert_eq!(ids, ["GET/users", "POST/users", "GET/users/{id}"]);
    }
}
