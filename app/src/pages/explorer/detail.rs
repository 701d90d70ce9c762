//! One endpoint: its parameters, what it takes, what it answers.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use understudy_types::{BodySchema, EndpointDetail, EndpointSummary, Parameter, ResponseSchema};

use crate::backend;
use crate::components::{BodyView, ShareBar, StatusMark, Template};
use crate::format;
use crate::live::Live;

#[component]
pub fn EndpointPage() -> impl IntoView {
    let live = expect_context::<Live>();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let detail = Resource::new(move || (id.get(), live.learned.get()), |(id, _)| backend::endpoint(id));
    view! {
        <section class="detail panel" aria-label="Endpoint">
            <A href="/admin/explorer" attr:class="detail-close quiet" scroll=false>"Close"</A>
            <Transition>
                {move || Suspend::new(async move {
                    let ready = live.ready().await;
                    match ready.and(detail.await) {
                        Ok(Some(detail)) => view! { <Detail detail/> }.into_any(),
                        Ok(None) => view! { <UnknownEndpoint/> }.into_any(),
                        Err(error) => view! { <p class="failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                    }
                })}
            </Transition>
        </section>
    }
}

#[component]
fn UnknownEndpoint() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::document::not_found();
    view! {
        <p>"There is no endpoint with this id. It may have been learned anew under another path template."</p>
    }
}

#[component]
fn Detail(detail: EndpointDetail) -> impl IntoView {
    let title = format!("{} {}", detail.summary.method, detail.summary.template);
    view! {
        <Title text=title/>
        <Head summary=detail.summary/>
        {detail.named_by.map(|plugin| view! { <p class="named-by">"Template named by the plugin " <A href="/admin/plugins">{plugin}</A></p> })}
        {(!detail.parameters.is_empty()).then(|| view! { <Parameters parameters=detail.parameters/> })}
        {detail.request.map(|body| view! { <RequestBody body/> })}
        <h3>"Responses"</h3>
        {detail.responses.into_iter().enumerate().map(|(place, response)| view! { <Response response is_open=place == 0/> }).collect_view()}
    }
}

#[component]
fn Head(summary: EndpointSummary) -> impl IntoView {
    let live = expect_context::<Live>();
    let time = |ms: Option<f64>| ms.map_or("–".into(), format::milliseconds);
    let (first_ms, last_ms) = (summary.first_seen_ms, summary.last_seen_ms);
    view! {
        <h2 class="detail-title"><span class="method">{summary.method}</span> <Template segments=summary.segments/></h2>
        <dl class="facts">
            <div><dt>"Requests"</dt><dd title=format::exact(summary.requests)>{format::count(summary.requests)}</dd></div>
            <div><dt>"p50"</dt><dd>{time(summary.latency_p50_ms)}</dd></div>
            <div><dt>"p95"</dt><dd>{time(summary.latency_p95_ms)}</dd></div>
            <div><dt>"Confidence"</dt><dd><ShareBar share=summary.confidence label="How far what was learned can be relied on"/></dd></div>
            <div><dt>"First seen"</dt><dd title=format::timestamp(first_ms)>{move || format::ago(first_ms, live.now_ms.get())}</dd></div>
            <div><dt>"Last seen"</dt><dd title=format::timestamp(last_ms)>{move || format::ago(last_ms, live.now_ms.get())}</dd></div>
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
fn Response(response: ResponseSchema, is_open: bool) -> impl IntoView {
    let times = format::times(response.count);
    view! {
        <details class="response" open=is_open>
            <summary><StatusMark status=response.status/>" "<span class="response-times">{times}</span></summary>
            {match response.body {
                Some(body) => view! { <BodyView body/> }.into_any(),
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
