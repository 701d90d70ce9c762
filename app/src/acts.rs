//! What people do in parts that the server drew. One listener each on the document knows a thing by its attribute:
//! `data-copy` copies, `data-ask` sends a request, `data-find` searches a body, `data-redact` shows what redaction leaves,
//! `data-now` sends its form when something else is chosen; a form is sent and the parts are read again.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, web_sys};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use serde::Deserialize;
use web_sys::wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, FormData, HtmlFormElement, UrlSearchParams};

use crate::live::Live;
use crate::morph;
use crate::parts::{Heard, Part, load_part};

/// That something was done is said for so long.
const DONE_FOR: Duration = Duration::from_secs(3);

/// To be called once, where there is a router.
pub(crate) fn listen(live: Live) {
    let navigate = use_navigate();
    let go = move |to: String| navigate(&to, NavigateOptions { scroll: false, ..NavigateOptions::default() });
    Effect::new(move |_| {
        let go = go.clone();
        let handles = [
            window_event_listener(ev::click, move |event| clicked(live, &event)),
            window_event_listener(ev::input, |event| typed(&event)),
            window_event_listener(ev::change, |event| {
                chosen(&event);
            }),
        ];
        let submit = window_event_listener(ev::submit, move |event| {
            submitted(live, &event, go.clone());
        });
        on_cleanup(move || {
            submit.remove();
            handles.into_iter().for_each(WindowListenerHandle::remove);
        });
    });
}

fn around(event: &ev::Event, selector: &str) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest(selector).ok().flatten()
}

fn clicked(live: Live, event: &ev::MouseEvent) {
    if let Some(button) = around(event, "[data-copy]") {
        let text = button.get_attribute("data-copy").unwrap_or_default();
        // It answers with a promise; nobody waits for it.
        let _ = window().navigator().clipboard().write_text(&text);
        button.set_text_content(Some("copied"));
    } else if let Some(button) = around(event, "[data-ask]") {
        let whom = button.get_attribute("data-ask").unwrap_or_default();
        let Some(call) = button.closest("[data-call]").ok().flatten() else { return };
        spawn_local(async move { ask(live, &call, &whom).await });
    }
}

fn typed(event: &ev::Event) {
    if let Some(field) = around(event, "[data-find]") {
        find(&field);
    } else if let Some(field) = around(event, "[data-redact]") {
        spawn_local(async move {
            let text = value(&field);
            let drawn = load_part(Part::Redacted { text: text.clone() }).await;
            let out = field.next_element_sibling().filter(|_| value(&field) == text);
            if let (Some(out), Ok(drawn)) = (out, drawn) {
                morph::show(&out, &drawn.html);
            }
        });
    }
}

fn chosen(event: &ev::Event) -> Option<()> {
    let form = around(event, "[data-now]")?.closest("form").ok()??;
    form.dyn_into::<HtmlFormElement>().ok()?.request_submit().ok()
}

/// A form that only asks leads somewhere; one that changes something is sent, and may lead somewhere then.
fn submitted(live: Live, event: &ev::SubmitEvent, go: impl Fn(String) + 'static) -> Option<()> {
    let form: HtmlFormElement = around(event, "form[method=post], .part form")?.dyn_into().ok()?;
    let data = FormData::new_with_form(&form).ok()?;
    if let Some(button) = event.submitter() {
        let name = button.get_attribute("name").filter(|name| !name.is_empty());
        if let Some(name) = name {
            data.append_with_str(&name, &button.get_attribute("value").unwrap_or_default()).ok()?;
        }
    }
    event.prevent_default();
    let action = form.get_attribute("action").unwrap_or_default();
    // Files go as they are; whatever has none, as fields of an address do.
    let body: JsValue = if form.enctype() == "multipart/form-data" {
        data.into()
    } else {
        let fields = UrlSearchParams::new_with_str_sequence_sequence(&data).ok()?;
        if form.method() != "post" {
            go(format!("{action}?{}", String::from(fields.to_string())));
            return None;
        }
        fields.into()
    };
    spawn_local(async move {
        let answer = post(&action, body).await;
        if let Ok(Some(to)) = &answer {
            go(to.clone());
        }
        let told = answer.map(drop);
        let is_done = told.is_ok();
        live.told.set(Some(told));
        live.acted.update(|acted| *acted += 1);
        if is_done {
            form.reset();
            gloo_timers::future::sleep(DONE_FOR).await;
            live.told.update(|told| *told = told.take().filter(Result::is_err));
        }
    });
    None
}

/// An error of the admin API, as far as it is shown.
#[derive(Deserialize)]
struct Refusal {
    error: Words,
}

#[derive(Deserialize)]
struct Words {
    message: String,
}

/// Does what a form would that posts the fields of an address's query. Their values are plain words.
pub(crate) fn submit(act: &str) -> Option<()> {
    let (action, fields) = act.split_once('?').unwrap_or((act, ""));
    let form: HtmlFormElement = document().create_element("form").ok()?.dyn_into().ok()?;
    form.set_method("post");
    form.set_action(action);
    for (name, value) in fields.split('&').filter_map(|field| field.split_once('=')) {
        let field = document().create_element("input").ok()?;
        for (attribute, text) in [("type", "hidden"), ("name", name), ("value", value)] {
            field.set_attribute(attribute, text).ok()?;
        }
        form.append_child(&field).ok()?;
    }
    document().body()?.append_child(&form).ok()?;
    let sent = form.request_submit().ok();
    form.remove();
    sent
}

/// Where the server leads to, if it does.
async fn post(action: &str, body: JsValue) -> Result<Option<String>, String> {
    let sent =
        async { gloo_net::http::Request::post(action).header("accept", "application/json").body(body)?.send().await };
    let response = sent.await.map_err(|error| error.to_string())?;
    if response.ok() {
        return Ok(response.headers().get("location"));
    }
    let text = response.text().await.unwrap_or_default();
    if let Ok(Refusal { error }) = serde_json::from_str(&text) {
        return Err(error.message);
    }
    // In front stands which kind of error it is.
    Err(text.split_once('|').map_or(text.as_str(), |(_, words)| words).to_owned())
}

/// A field's value, whatever kind of field it is.
fn value(field: &Element) -> String {
    js_sys::Reflect::get(field, &JsValue::from_str("value"))
        .ok()
        .and_then(|value| value.as_string())
        .unwrap_or_default()
}

/// Sends the request that the fields of `call` describe, and says beside them what became of it.
async fn ask(live: Live, call: &Element, whom: &str) {
    say(call, "sent …");
    let words = if whom == "both" {
        match (send(live, call, "twin").await, send(live, call, "upstream").await) {
            (Ok((_, twin)), Ok((_, api))) => compared(call, twin, api).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    } else {
        send(live, call, whom).await.map(|(who, heard)| format!("{} by {who}, in the list now", heard.status))
    };
    say(call, &words.unwrap_or_else(|error| format!("It could not be sent: {error}")));
}

fn say(call: &Element, words: &str) {
    if let Ok(Some(place)) = call.query_selector(".outcome") {
        place.set_text_content(Some(words));
    }
}

async fn compared(call: &Element, twin: Heard, api: Heard) -> Result<String, String> {
    let drawn = load_part(Part::Difference { twin, api }).await.map_err(|error| error.to_string())?;
    if let Ok(Some(place)) = call.query_selector(".difference") {
        morph::show(&place, &drawn.html);
    }
    Ok(String::new())
}

async fn send(live: Live, call: &Element, whom: &str) -> Result<(&'static str, Heard), String> {
    let field = |name: &str| {
        let found = call.query_selector(&format!("[name={name}]")).ok().flatten();
        found.map(|field| value(&field)).unwrap_or_default()
    };
    let base = live.api_url.get_untracked();
    let url = format!("{}{}", base.trim_end_matches('/'), field("target"));
    let method = field("method").parse().unwrap_or(gloo_net::http::Method::GET);
    let mut request = gloo_net::http::RequestBuilder::new(&url).method(method);
    let fields = call.get_attribute("data-fields").unwrap_or_default();
    for line in fields.lines() {
        if let Some((name, value)) = line.split_once(": ") {
            request = request.header(name, value);
        }
    }
    if !whom.is_empty() {
        request = request.header("prefer", &format!("source={whom}"));
    }
    let text = field("text");
    let sent = async { if text.is_empty() { request.send().await } else { request.body(text)?.send().await } };
    let response = sent.await.map_err(|error| error.to_string())?;
    let who = match response.headers().get("x-understudy-source").as_deref() {
        Some("upstream") => "the API",
        Some("twin") => "the twin",
        Some("fault") => "a fault",
        _ => "Understudy",
    };
    Ok((who, Heard { status: response.status(), text: response.text().await.unwrap_or_default() }))
}

/// Marks what contains the text, and unfolds it.
fn find(field: &Element) {
    let wanted = value(field).to_lowercase();
    let Some(body) = field.closest(".body").ok().flatten() else { return };
    let Ok(places) = body.query_selector_all(".json-leaf, .json-branch > summary") else { return };
    let mut found = 0;
    for place in (0..places.length()).filter_map(|at| places.get(at)) {
        let Some(place) = place.dyn_ref::<Element>() else { continue };
        let is_hit = !wanted.is_empty() && place.text_content().unwrap_or_default().to_lowercase().contains(&wanted);
        found += u32::from(is_hit);
        let _ = place.class_list().toggle_with_force("json-hit", is_hit);
        let mut branch = place.parent_element().filter(|_| is_hit);
        while let Some(outer) = branch.filter(|outer| outer.class_name() == "json-branch") {
            let _ = outer.set_attribute("open", "");
            branch = outer.parent_element();
        }
    }
    if let Ok(Some(place)) = body.query_selector(".json-found") {
        place.set_text_content(Some(&if wanted.is_empty() { String::new() } else { words(found) }));
    }
}

fn words(hits: u32) -> String {
    match hits {
        0 => "nothing found".into(),
        1 => "found once".into(),
        hits => format!("found {hits} times"),
    }
}
