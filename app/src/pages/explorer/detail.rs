//! One endpoint: its parameters, what it takes, what it answers.

use leptos::prelude::*;
use understudy_types::{BodySchema, EndpointDetail, EndpointSummary, Parameter, ResponseSchema};

use super::attempt::attempt;
use super::decide::{self, Wish, overriding};
use super::fidelity::fidelity;
use super::habits::{habits, refusals, rules};
use super::map::kin;
use crate::address::encode;
use crate::components::{BodyView, ShareBar, Spreads, StatusMark, Template, When};
use crate::format;
use crate::parts::{Desk, Drawn};

pub(crate) async fn draw(desk: &Desk, id: &str, wish: &str) -> Drawn {
    let Some(detail) = desk.backend.endpoint(id) else { return Drawn::missing(unknown()) };
    let title = format!("{} {}", detail.summary.method, detail.summary.template);
    let examples = desk.backend.examples(id);
    let decisions = view! {
        {overriding(id, detail.overridden.as_ref(), &examples)}
        {decide::template(desk, &detail, Wish::read(wish).as_ref()).await}
    };
    let spreads: Vec<Spreads> =
        detail.responses.iter().map(|response| desk.backend.spreads(id, response.status)).collect();
    let kin = kin(desk, &detail.summary);
    let view = view! { <Detail detail decisions=decisions.into_any() spreads kin now_ms=desk.now_ms/> };
    Drawn::new(title, view.into_any())
}

fn unknown() -> AnyView {
    view! { <p>"There is no endpoint with this id. It may have been learned anew under another path template."</p> }
        .into_any()
}

#[component]
fn Detail(
    detail: EndpointDetail,
    decisions: AnyView,
    spreads: Vec<Spreads>,
    kin: Option<AnyView>,
    now_ms: u64,
) -> impl IntoView {
    let (method, template) = (encode(&detail.summary.method), encode(&detail.summary.template));
    let traffic = format!("/admin/traffic?q=method:{method}%20path:{template}");
    let chaos = format!("/admin/chaos?method={method}&path={template}");
    let habits = habits(&detail.behaviour, &detail.summary.recent);
    let attempt = attempt(&detail);
    let rules = rules(&detail.behaviour);
    let refusals = refusals(&detail.refusals);
    let fidelity = detail.fidelity.as_ref().map(fidelity);
    let responses = detail.responses.into_iter().zip(spreads).enumerate();
    let responses = responses
        .map(|(place, (response, spreads))| view! { <Response response spreads is_open=place == 0/> })
        .collect_view();
    view! {
        <Head summary=detail.summary now_ms/>
        {detail.named_by.map(|plugin| view! { <p class="named-by">"Template named by the plugin " <a href="/admin/plugins">{plugin}</a></p> })}
        <p class="actions">
            <a class="choice" href=traffic>"Its traffic"</a>
            <a class="choice" href=chaos title="Faults on purpose, at this endpoint alone">"Break this"</a>
        </p>
        {habits}
        {rules}
        {refusals}
        {kin}
        {fidelity}
        {attempt}
        {decisions}
        {(!detail.parameters.is_empty()).then(|| view! { <Parameters parameters=detail.parameters/> })}
        {detail.request.map(|body| view! { <RequestBody body/> })}
        <h3>"Responses"</h3>
        {responses}
    }
}

#[component]
fn Head(summary: EndpointSummary, now_ms: u64) -> impl IntoView {
    let time = |ms: Option<f64>| ms.map_or("–".into(), format::milliseconds);
    view! {
        <h2 class="detail-title"><span class="method">{summary.method}</span> <Template segments=summary.segments/></h2>
        <dl class="facts">
            <div><dt>"Requests"</dt><dd title=format::exact(summary.requests)>{format::count(summary.requests)}</dd></div>
            <div><dt>"p50"</dt><dd>{time(summary.latency_p50_ms)}</dd></div>
            <div><dt>"p95"</dt><dd>{time(summary.latency_p95_ms)}</dd></div>
            <div><dt>"Confidence"</dt><dd><ShareBar share=summary.confidence label="How far what was learned can be relied on"/></dd></div>
            <div><dt>"First seen"</dt><dd><When at_ms=summary.first_seen_ms now_ms/></dd></div>
            <div><dt>"Last seen"</dt><dd><When at_ms=summary.last_seen_ms now_ms/></dd></div>
        </dl>
    }
}

#[component]
fn Parameters(parameters: Vec<Parameter>) -> impl IntoView {
    view! {
        <h3>"Parameters"</h3>
        <div class="table-scroll">
            <table class="rows schema">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"In"</th>
                        <th scope="col">"Type"</th>
                        <th scope="col">"Present"</th>
                        <th scope="col">"Values"</th>
                    </tr>
                </thead>
                <tbody>{parameters.into_iter().map(|parameter| view! { <ParameterRow parameter/> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn ParameterRow(parameter: Parameter) -> impl IntoView {
    view! {
        <tr>
            <th scope="row" class="field-name"><span class="parameter">{parameter.name}</span></th>
            <td>{parameter.location}</td>
            <td class="types">{schema_word(&parameter.schema)}</td>
            <td><ShareBar share=parameter.presence label="Share of requests that carried it"/></td>
            <td class="samples">{parameter.samples.into_iter().take(3).map(|sample| view! { <span class="chip" title=sample.clone()>{sample.clone()}</span> " " }).collect_view()}</td>
        </tr>
    }
}

#[component]
fn RequestBody(body: BodySchema) -> impl IntoView {
    view! {
        <h3>"Request body"</h3>
        <BodyView body/>
    }
}

#[component]
fn Response(response: ResponseSchema, spreads: Spreads, is_open: bool) -> impl IntoView {
    let times = format::times(response.count);
    view! {
        <details class="response" open=is_open>
            <summary><StatusMark status=response.status/>" "<span class="response-times">{times}</span></summary>
            {match response.body {
                Some(body) => view! { <BodyView body spreads/> }.into_any(),
                None => view! { <p class="media-type">"No JSON body was seen."</p> }.into_any(),
            }}
        </details>
    }
}

/// `integer`, `string, uuid`, `integer | null`: the one line of a simple schema.
fn schema_word(schema: &serde_json::Value) -> String {
    let types = match &schema["type"] {
        serde_json::Value::String(word) => word.clone(),
        serde_json::Value::Array(words) => {
            words.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join(" | ")
        }
        _ => "any".into(),
    };
    schema["format"].as_str().map_or(types.clone(), |format| format!("{types}, {format}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::schema_word;

    #[test]
    fn a_simple_schema_is_one_line() {
        let cases = [
            (json!({"type": "integer"}), "integer"),
            (json!({"type": "string", "format": "uuid"}), "string, uuid"),
            (json!({"type": ["integer", "null"]}), "integer | null"),
            (json!({}), "any"),
        ];
        for (schema, expected) in cases {
            assert_eq!(schema_word(&schema), expected);
        }
    }
}
