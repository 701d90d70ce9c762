//! One exchange: what was sent, what came back, how long it took and why this one answered.

use leptos::prelude::*;
use understudy_types::{
    ErrorDetail, ExchangeDetail, Explained, MessageDetail, MessageKind, Side, StreamMessage, TrafficRow,
};

use crate::address::encode;
use crate::components::json::Why;
use crate::components::{BodyText, Copyable, SourceMark, StatusMark, When, source_class};
use crate::parts::{Desk, Drawn};
use crate::{curl, format};

/// 101: what follows is no HTTP any more.
const SWITCHING: u16 = 101;

pub(crate) async fn draw(desk: &Desk, id: u64) -> Drawn {
    let exchange = match desk.backend.exchange(id).await {
        Ok(Some(exchange)) => exchange,
        Ok(None) => {
            return Drawn::missing(
                view! { <p>"No exchange has this number, or it is no longer remembered."</p> }.into_any(),
            );
        }
        Err(ErrorDetail { message, .. }) => {
            return Drawn::missing(view! { <p class="failure" role="alert">{message}</p> }.into_any());
        }
    };
    let title = exchange.row.as_ref().map(|row| format!("{} {}", row.method, row.target)).unwrap_or_default();
    Drawn::new(title, view! { <Detail exchange desk=desk.clone()/> }.into_any())
}

#[component]
fn Detail(exchange: ExchangeDetail, desk: Desk) -> impl IntoView {
    let ExchangeDetail { row, endpoint, latency_us, request, response, explained, messages, skipped_messages } =
        exchange;
    let why: Why = explained.into_iter().map(|each| (each.pointer.clone(), each)).collect();
    let is_kept = request.is_some();
    // A line that was handed over cannot be asked for again.
    let actions = row.clone().filter(|row| row.status != SWITCHING).map(|row| view! { <Actions row request=request.clone() answer=response.clone() endpoint=endpoint.clone() api_url=desk.api_url.clone()/> });
    view! {
        {row.map(|row| view! { <Head row endpoint latency_us now_ms=desk.now_ms/> })}
        {actions}
        {(!messages.is_empty()).then(|| view! { <Messages messages skipped=skipped_messages/> })}
        {(!is_kept).then(|| view! { <p class="body-note">"Fields and bodies of this exchange are no longer remembered."</p> })}
        {response.map(|message| view! { <Message title="Response" message why=why.clone()/> })}
        {request.map(|message| view! { <Message title="Request" message why=Why::new()/> })}
    }
    .into_any()
}

#[component]
fn Head(row: TrafficRow, endpoint: Option<String>, latency_us: Option<u64>, now_ms: u64) -> impl IntoView {
    let first = latency_us.unwrap_or(row.duration_us).min(row.duration_us);
    let template = row.template.clone().unwrap_or_else(|| "in the Explorer".into());
    view! {
        <h2 class="detail-title"><span class="method">{row.method}</span> <span class="exchange-target">{row.target}</span></h2>
        <p class=format!("why {}", source_class(row.source))><SourceMark source=row.source/> <span>{row.reason}</span></p>
        <dl class="facts">
            <div><dt>"Status"</dt><dd><StatusMark status=row.status/></dd></div>
            <div><dt>"First byte"</dt><dd>{format::duration_us(first)}</dd></div>
            <div><dt>"Whole"</dt><dd title=format!("{} µs", format::exact(row.duration_us))>{format::duration_us(row.duration_us)}</dd></div>
            <div><dt>"Size"</dt><dd title=format!("{} bytes", format::exact(row.bytes))>{format::bytes(row.bytes)}</dd></div>
            <div><dt>"When"</dt><dd><When at_ms=row.at_ms now_ms/></dd></div>
            {endpoint.map(|id| view! { <div><dt>"Endpoint"</dt><dd><a href=format!("/admin/explorer/{id}")>{template}</a></dd></div> })}
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
fn Actions(
    row: TrafficRow,
    request: Option<MessageDetail>,
    answer: Option<MessageDetail>,
    endpoint: Option<String>,
    api_url: String,
) -> impl IntoView {
    let path = row.target.split('?').next().unwrap_or_default();
    let place = row.template.as_deref().unwrap_or(path);
    let chaos = format!("/admin/chaos?method={}&path={}", encode(&row.method), encode(place));
    let mock = endpoint.map(|id| mock_form(id, row.status, answer.and_then(|answer| answer.text)));
    let command = curl::command(&api_url, &row.method, &row.target, request.as_ref());
    let kept = request.iter().flat_map(|request| &request.headers).filter(|(name, _)| curl::is_sent(name));
    let fields: Vec<String> = kept.map(|(name, value)| format!("{name}: {value}")).collect();
    let text = request.and_then(|request| request.text).unwrap_or_default();
    view! {
        <div class="call" data-call="" data-fields=fields.join("\n")>
            <input type="hidden" name="method" value=row.method/>
            <input type="hidden" name="target" value=row.target/>
            <input type="hidden" name="text" value=text/>
            <div class="actions">
                <button type="button" class="choice replay" data-ask="" title="Sends the same request again. Credentials are not kept, so it goes without">"Replay"</button>
                <button type="button" class="choice" data-ask="twin">"Ask the twin"</button>
                <button type="button" class="choice" data-ask="upstream">"Ask the API"</button>
                <button type="button" class="choice" data-ask="both" title="Sends it to the twin and to the API, and shows where they differ">"Compare with the twin"</button>
                {mock}
                <a class="choice" href=chaos title="Faults on purpose, at this endpoint alone">"Break this"</a>
            </div>
            <span class="outcome" role="status"></span>
            <div class="difference"></div>
        </div>
        <Copyable text=Signal::stored(command)/>
    }
    .into_any()
}

#[component]
fn Message(title: &'static str, message: MessageDetail, why: Why) -> impl IntoView {
    let legend = (!why.is_empty()).then(|| legend(&why));
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
            {legend}
            <BodyText message why/>
        </section>
    }
    .into_any()
}

/// From now on the twin gives this very answer at the endpoint.
fn mock_form(id: String, status: u16, body: Option<String>) -> AnyView {
    view! {
        <form method="post" action="/admin/fn/override">
            <input type="hidden" name="id" value=id/>
            <input type="hidden" name="mode" value="mock"/>
            <input type="hidden" name="status" value=status.to_string()/>
            <input type="hidden" name="body" value=body.unwrap_or_default()/>
            <input type="hidden" name="latency_ms" value=""/>
            <button type="submit" class="choice" name="action" value="save" title="From now on the twin answers this endpoint, always with this answer. The Explorer takes it back">"Mock this"</button>
        </form>
    }
    .into_any()
}

/// Explanations that are listed.
const LISTED: usize = 200;

/// How the lines under the twin's values are to be read, and the same for who cannot hover.
fn legend(why: &Why) -> AnyView {
    let word = |kind: &'static str| view! { <span class=format!("why-value why-{kind}")>{kind}</span> " " };
    let row = |(pointer, each): (&String, &Explained)| view! { <tr><th scope="row"><code>{pointer.clone()}</code></th><td>{each.words.clone()}</td></tr> };
    let rows: Vec<_> = why.iter().take(LISTED).map(row).collect();
    view! {
        <p class="body-note why-legend">"Why this value? " {["copied", "remembered", "constant", "clock", "made"].map(word)} "– hover a value for its source."</p>
        <details class="fields">
            <summary>"All sources as a list"</summary>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Where each value came from">
                <table class="rows field-table"><tbody>{rows}</tbody></table>
            </div>
        </details>
    }
    .into_any()
}

#[component]
fn Messages(messages: Vec<StreamMessage>, skipped: u64) -> impl IntoView {
    let began_ms = messages.first().map_or(0, |message| message.at_ms);
    let count = messages.len() as u64;
    let skipped = (skipped > 0)
        .then(|| view! { <p class="body-note">{format::count(skipped)} " older messages are not shown."</p> });
    view! {
        <section class="message" aria-label="Messages">
            <h3>"Messages " <span class="response-times">{format::count(count)}</span></h3>
            {skipped}
            <ol class="messages">{messages.into_iter().map(|message| said(message, began_ms)).collect_view()}</ol>
        </section>
    }
    .into_any()
}

fn said(message: StreamMessage, began_ms: u64) -> AnyView {
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
    let later = format!("+{}", format::milliseconds(message.at_ms.saturating_sub(began_ms) as f64));
    let size = format::bytes(message.bytes);
    view! {
        <li class="said">
            <span class="said-from" title=from><span aria-hidden="true">{arrow}</span> <span class="hidden">{from}</span></span>
            <span class="said-kind">{message.name.unwrap_or_else(|| kind.to_owned())}</span>
            <span class="said-text">{message.text}</span>
            <span class="said-size">{size}</span>
            <span class="said-at" title=format::timestamp(message.at_ms)>{later}</span>
        </li>
    }
    .into_any()
}
