//! One exchange: what was sent, what came back, how long it took and why this one answered.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use understudy_types::{ExchangeDetail, MessageDetail, MessageKind, Side, StreamMessage, TrafficRow};

use super::Shown;
use crate::backend;
use crate::components::{BodyText, Copyable, SourceMark, StatusMark, source_class};
use crate::live::Live;
use crate::{curl, format};

#[component]
pub fn ExchangePanel() -> impl IntoView {
    let live = expect_context::<Live>();
    let shown = expect_context::<Shown>();
    let id = Memo::new(move |_| shown.with(|shown| shown.open.unwrap_or_default()));
    let exchange = Resource::new(move || id.get(), backend::load_exchange);
    view! {
        <section class="detail panel" aria-label="Exchange">
            <a class="detail-close quiet" href=move || shown.with(|shown| shown.opening(None).url()) data-noscroll="">"Close"</a>
            <Transition>
                {move || Suspend::new(async move {
                    let ready = live.ready().await;
                    match ready.and(exchange.await) {
                        Ok(Some(exchange)) => view! { <Detail exchange/> }.into_any(),
                        Ok(None) => view! { <p>"No exchange has this number, or it is no longer remembered."</p> }.into_any(),
                        Err(error) => view! { <p class="failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}

#[component]
fn Detail(exchange: ExchangeDetail) -> impl IntoView {
    let ExchangeDetail { row, endpoint, latency_us, request, response, messages, skipped_messages } = exchange;
    let is_kept = request.is_some();
    let actions = row.clone().map(|row| view! { <Actions row request=request.clone()/> });
    view! {
        {row.map(|row| view! { <Head row endpoint latency_us/> })}
        {actions}
        {(!messages.is_empty()).then(|| view! { <Messages messages skipped=skipped_messages/> })}
        {(!is_kept).then(|| view! { <p class="body-note">"Fields and bodies of this exchange are no longer remembered: only the newest ones are."</p> })}
        {response.map(|message| view! { <Message title="Response" message/> })}
        {request.map(|message| view! { <Message title="Request" message/> })}
    }
    .into_any()
}

#[component]
fn Head(row: TrafficRow, endpoint: Option<String>, latency_us: Option<u64>) -> impl IntoView {
    let live = expect_context::<Live>();
    let at_ms = row.at_ms;
    let title = format!("{} {}", row.method, row.target);
    let first = latency_us.unwrap_or(row.duration_us).min(row.duration_us);
    let template = row.template.clone().unwrap_or_else(|| "in the Explorer".into());
    view! {
        <Title text=title/>
        <h2 class="detail-title"><span class="method">{row.method}</span> <span class="exchange-target">{row.target}</span></h2>
        <p class=format!("why {}", source_class(row.source))><SourceMark source=row.source/> <span>{row.reason}</span></p>
        <dl class="facts">
            <div><dt>"Status"</dt><dd><StatusMark status=row.status/></dd></div>
            <div><dt>"First byte"</dt><dd>{format::duration_us(first)}</dd></div>
            <div><dt>"Whole"</dt><dd title=format!("{} µs", format::exact(row.duration_us))>{format::duration_us(row.duration_us)}</dd></div>
            <div><dt>"Size"</dt><dd title=format!("{} bytes", format::exact(row.bytes))>{format::bytes(row.bytes)}</dd></div>
            <div><dt>"When"</dt><dd title=format::timestamp(at_ms)>{move || format::ago(at_ms, live.now_ms.get())}</dd></div>
            {endpoint.map(|id| view! { <div><dt>"Endpoint"</dt><dd><A href=format!("/admin/explorer/{id}")>{template}</A></dd></div> })}
        </dl>
        <Timing first whole=row.duration_us/>
    }
    .into_any()
}

/// How much of the time passed before the first byte of the answer.
#[component]
fn Timing(first: u64, whole: u64) -> impl IntoView {
    let wait = first as f64 * 100.0 / whole.max(1) as f64;
    let words =
        format!("{} until the first byte, {} until the last", format::duration_us(first), format::duration_us(whole));
    view! {
        <svg class="timing" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=words>
            <rect class="timing-rest" width="100" height="4"></rect>
            <rect class="timing-wait" width=format!("{wait:.1}") height="4"></rect>
        </svg>
    }
    .into_any()
}

#[component]
fn Actions(row: TrafficRow, request: Option<MessageDetail>) -> impl IntoView {
    let live = expect_context::<Live>();
    let outcome = RwSignal::new(String::new());
    let command = {
        let (row, request) = (row.clone(), request.clone());
        Signal::derive(move || curl::command(&live.api_url.get(), &row.method, &row.target, request.as_ref()))
    };
    let again = move |source: Option<&'static str>| {
        outcome.set("sent …".into());
        send(live.api_url.get_untracked(), row.clone(), request.clone(), source, outcome);
    };
    let (to_twin, to_api) = (again.clone(), again.clone());
    view! {
        <div class="actions">
            <button type="button" class="choice replay" on:click=move |_| again(None) title="Sends the same request again. Credentials are not kept, so it goes without">"Replay"</button>
            <button type="button" class="choice" on:click=move |_| to_twin(Some("twin"))>"Ask the twin"</button>
            <button type="button" class="choice" on:click=move |_| to_api(Some("upstream"))>"Ask the API"</button>
            <span class="outcome" role="status">{move || outcome.get()}</span>
        </div>
        <Copyable text=command/>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
fn send(
    base: String,
    row: TrafficRow,
    request: Option<MessageDetail>,
    source: Option<&'static str>,
    outcome: RwSignal<String>,
) {
    leptos::task::spawn_local(async move {
        let words = match sent(&base, row, request, source).await {
            Ok(words) => words,
            Err(error) => format!("It could not be sent: {error}"),
        };
        outcome.set(words);
    });
}

#[cfg(feature = "hydrate")]
async fn sent(
    base: &str,
    row: TrafficRow,
    request: Option<MessageDetail>,
    source: Option<&'static str>,
) -> Result<String, gloo_net::Error> {
    use gloo_net::http::{Method, RequestBuilder};
    let url = format!("{}{}", base.trim_end_matches('/'), row.target);
    let method = row.method.parse().unwrap_or(Method::GET);
    let mut builder = RequestBuilder::new(&url).method(method);
    for (name, value) in request.iter().flat_map(|request| &request.headers).filter(|(name, _)| curl::is_sent(name)) {
        builder = builder.header(name, value);
    }
    if let Some(source) = source {
        builder = builder.header("prefer", &format!("source={source}"));
    }
    let text = request.and_then(|request| request.text).filter(|text| !text.is_empty());
    let response = match text {
        Some(text) => builder.body(text)?.send().await?,
        None => builder.send().await?,
    };
    let who = match response.headers().get("x-understudy-source").as_deref() {
        Some("upstream") => "the API",
        Some("twin") => "the twin",
        Some("fault") => "a fault",
        _ => "Understudy",
    };
    Ok(format!("{} by {who}, in the list now", response.status()))
}

#[cfg(not(feature = "hydrate"))]
fn send(_: String, _: TrafficRow, _: Option<MessageDetail>, _: Option<&'static str>, _: RwSignal<String>) {}

#[component]
fn Message(title: &'static str, message: MessageDetail) -> impl IntoView {
    let headers = message.headers.clone();
    let count = headers.len();
    view! {
        <section class="message" aria-label=title>
            <h3>{title}</h3>
            <details class="fields">
                <summary>{count} " header fields"</summary>
                <div class="table-scroll">
                    <table class="rows field-table">
                        <tbody>
                            {headers
                                .into_iter()
                                .map(|(name, value)| view! { <tr><th scope="row">{name}</th><td>{value}</td></tr> })
                                .collect_view()}
                        </tbody>
                    </table>
                </div>
            </details>
            <BodyText message/>
        </section>
    }
    .into_any()
}

#[component]
fn Messages(messages: Vec<StreamMessage>, skipped: u64) -> impl IntoView {
    let skipped = (skipped > 0)
        .then(|| view! { <p class="body-note">{format::count(skipped)} " older messages are not shown."</p> });
    view! {
        <section class="message" aria-label="Messages">
            <h3>"Messages"</h3>
            {skipped}
            <ol class="messages">{messages.into_iter().map(said).collect_view()}</ol>
        </section>
    }
    .into_any()
}

fn said(message: StreamMessage) -> AnyView {
    let (arrow, from) = match message.from {
        Side::Client => ("→", "from the app"),
        Side::Upstream => ("←", "from the API"),
    };
    let kind = match message.kind {
        MessageKind::Text => "text",
        MessageKind::Binary => "binary",
        MessageKind::Ping => "ping",
        MessageKind::Pong => "pong",
        MessageKind::Close => "close",
        MessageKind::Event => "event",
    };
    let name = message.name.map(|name| format!(" {name}"));
    view! {
        <li class="said" title=format::timestamp(message.at_ms)>
            <span class="said-from"><span aria-hidden="true">{arrow}</span> <span class="hidden">{from}</span> " " {kind} {name} ", " {format::bytes(message.bytes)}</span>
            {message.text.map(|text| view! { <pre class="said-text">{text}</pre> })}
        </li>
    }
    .into_any()
}
