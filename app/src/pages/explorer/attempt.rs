//! One request, to the twin and to the API, and where their answers differ.

use leptos::prelude::*;
use understudy_types::{EndpointDetail, Parameter, Segment};

pub(super) fn attempt(detail: &EndpointDetail) -> AnyView {
    let target = target(detail);
    let body = detail.request.as_ref().and_then(|request| request.sample.as_ref());
    let text = body.and_then(|sample| serde_json::to_string_pretty(sample).ok());
    let fields = if text.is_some() { "content-type: application/json" } else { "" };
    let body_field = text.map(|text| {
        view! { <label class="settings-wide">"Body" <textarea name="text" rows="5" spellcheck="false">{text}</textarea></label> }
    });
    let writes = !matches!(detail.summary.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    view! {
        <details class="response attempt">
            <summary>"Try it"</summary>
            <div class="call" data-call="" data-fields=fields>
                <input type="hidden" name="method" value=detail.summary.method.clone()/>
                <div class="settings-form">
                    <label class="settings-wide">"Path and query" <input type="text" name="target" spellcheck="false" value=target/></label>
                    {body_field}
                </div>
                <div class="actions">
                    <button type="button" class="choice" data-ask="both">"Ask both"</button>
                    <button type="button" class="choice" data-ask="twin">"Ask the twin"</button>
                    <button type="button" class="choice" data-ask="upstream">"Ask the API"</button>
                    <span class="outcome" role="status"></span>
                </div>
                {writes.then(|| view! { <p class="body-note">"Asking the API or both really sends it to the API."</p> })}
                <div class="difference"></div>
            </div>
        </details>
    }
    .into_any()
}

/// With a value that was seen in the place of each parameter.
fn target(detail: &EndpointDetail) -> String {
    let seen = |name: &str| {
        let is_it = |known: &&Parameter| known.location == "path" && known.name == name;
        detail.parameters.iter().find(is_it).and_then(|known| known.samples.first().cloned())
    };
    let segment = |segment: &Segment| match segment {
        Segment::Literal(text) => format!("/{text}"),
        Segment::Parameter { name, .. } => format!("/{}", seen(name).unwrap_or_else(|| format!("{{{name}}}"))),
    };
    let path: String = detail.summary.segments.iter().map(segment).collect();
    if path.is_empty() { "/".into() } else { path }
}
