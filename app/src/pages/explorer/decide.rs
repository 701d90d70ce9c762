//! What a person decides about an endpoint: who answers and how, and what its template is. A change of the template is
//! shown before it is made, by an address that says what is wished.

use leptos::prelude::*;
use understudy_types::{EndpointDetail, ErrorDetail, Mode, Override, Segment, TemplateMove, TwinExample};

use crate::backend::template_patch;
use crate::parts::Desk;

/// The last line is a value that may be of any length.
pub(super) struct Wish {
    act: String,
    parameter: String,
    value: String,
}

impl Wish {
    /// `rename`, a parameter and a value, each on a line.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut lines = text.splitn(3, '\n').map(str::to_owned);
        let wish = Self { act: lines.next()?, parameter: lines.next()?, value: lines.next()? };
        Some(wish).filter(|wish| !wish.act.is_empty())
    }
}

pub(super) fn overriding(id: &str, own: Option<&Override>, examples: &[TwinExample]) -> AnyView {
    let own = own.cloned().unwrap_or_default();
    let is_set = own != Override::default();
    let (status, body) = match &own.answer {
        Some(answer) => (answer.status.to_string(), pretty(&answer.body)),
        None => (String::new(), String::new()),
    };
    let usual = examples.first().map(|example| pretty(&example.body)).unwrap_or_default();
    let mode = |wanted: Option<Mode>| own.mode == wanted;
    let latency = own.latency_ms.map(|ms| ms.to_string());
    view! {
        <details class="response" open=is_set>
            <summary>"Who answers, and how" {is_set.then(|| view! { " " <span class="chip">"set by a person"</span> })}</summary>
            <form method="post" action="/admin/fn/override" class="settings-form">
                <input type="hidden" name="id" value=id.to_owned()/>
                <label>
                    "Mode here"
                    <select name="mode">
                        <option value="" selected=mode(None)>"as the project"</option>
                        <option value="proxy" selected=mode(Some(Mode::Proxy))>"the API"</option>
                        <option value="mock" selected=mode(Some(Mode::Mock))>"the twin"</option>
                    </select>
                </label>
                <label>"The twin's status" <input type="number" name="status" min="200" max="599" placeholder="by itself" value=status/></label>
                <label>"The twin's time, ms" <input type="number" name="latency_ms" min="0" max="600000" placeholder="by itself" value=latency/></label>
                <label class="settings-wide">"The twin's body, with that status" <textarea name="body" rows="4" spellcheck="false" placeholder=usual>{body}</textarea></label>
                <span class="settings-end">
                    <button type="submit" class="choice" name="action" value="save">"Set"</button>
                    <button type="submit" class="choice" name="action" value="clear" disabled=!is_set>"Leave to itself"</button>
                </span>
            </form>
        </details>
    }
    .into_any()
}

fn pretty(body: &serde_json::Value) -> String {
    match body {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

pub(super) async fn template(desk: &Desk, detail: &EndpointDetail, wish: Option<&Wish>) -> AnyView {
    let id = &detail.summary.id;
    let preview = match wish {
        Some(wish) => Some(preview(desk, id, wish).await),
        None => None,
    };
    let names: Vec<String> = detail
        .summary
        .segments
        .iter()
        .filter_map(|segment| match segment {
            Segment::Parameter { name, .. } => Some(name.clone()),
            Segment::Literal(_) => None,
        })
        .collect();
    let forms = names.iter().map(|name| parameter_forms(id, name)).collect::<Vec<_>>();
    let merge = merge_form(desk, detail);
    let is_wished = preview.is_some();
    view! {
        <details class="response" open=is_wished>
            <summary>"Its template"</summary>
            {preview}
            {forms}
            {merge}
        </details>
    }
    .into_any()
}

fn parameter_forms(id: &str, name: &str) -> AnyView {
    let form = |act: &'static str, label: String, hint: &'static str, button: &'static str| {
        let hidden = name.to_owned();
        view! {
            <form method="get" action=format!("/admin/explorer/{id}") class="settings-form">
                <input type="hidden" name="act" value=act/>
                <input type="hidden" name="parameter" value=hidden/>
                <label class="settings-wide">{label} <input type="text" name="value" required placeholder=hint/></label>
                <span class="settings-end"><button type="submit" class="choice">{button}</button></span>
            </form>
        }
    };
    let (rename, split) = (format!("Call {{{name}}}"), format!("Set apart from {{{name}}}"));
    view! {
        {form("rename", rename, "login", "See the new name")}
        {form("split", split, "me, search", "See it split")}
    }
    .into_any()
}

/// Templates of as many segments and the same method can become one.
fn merge_form(desk: &Desk, detail: &EndpointDetail) -> Option<AnyView> {
    let own = &detail.summary;
    let fits = |other: &understudy_types::EndpointSummary| {
        other.id != own.id && other.method == own.method && other.segments.len() == own.segments.len()
    };
    let others: Vec<_> = desk.backend.endpoints().into_iter().filter(fits).collect();
    let option = |other: &understudy_types::EndpointSummary| view! { <option value=other.id.clone()>{other.template.clone()}</option> };
    let options = others.iter().map(option).collect::<Vec<_>>();
    let form = || {
        view! {
            <form method="get" action=format!("/admin/explorer/{}", own.id) class="settings-form">
                <input type="hidden" name="act" value="merge"/>
                <input type="hidden" name="parameter" value=""/>
                <label class="settings-wide">"One endpoint together with" <select name="value">{options}</select></label>
                <span class="settings-end"><button type="submit" class="choice">"See them merged"</button></span>
            </form>
        }
        .into_any()
    };
    (!others.is_empty()).then(form)
}

async fn preview(desk: &Desk, id: &str, wish: &Wish) -> AnyView {
    let patch = template_patch(&wish.act, &wish.parameter, &wish.value).map_err(|error| error.to_string());
    let moves = match patch {
        Ok(patch) => {
            let told = |error: ErrorDetail| error.message;
            desk.backend.change_template(id.to_owned(), patch, true).await.map_err(told)
        }
        Err(error) => Err(error),
    };
    match moves {
        Ok(moves) if moves.is_empty() => view! { <p class="body-note">"That would change nothing."</p> }.into_any(),
        Ok(moves) => confirm(id, wish, &moves),
        Err(error) => view! { <p class="failure" role="alert">{error}</p> }.into_any(),
    }
}

fn confirm(id: &str, wish: &Wish, moves: &[TemplateMove]) -> AnyView {
    let row = |each: &TemplateMove| {
        let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".into());
        view! { <tr><td class="method">{each.method.clone()}</td><td><code>{shown(&each.before)}</code></td><td><code>{shown(&each.after)}</code></td></tr> }
    };
    let rows = moves.iter().map(row).collect::<Vec<_>>();
    let id = id.to_owned();
    view! {
        <section class="preview" aria-label="What would change">
            <div class="table-scroll">
                <table class="rows">
                    <thead><tr><th scope="col">"Method"</th><th scope="col">"Now"</th><th scope="col">"Then"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <form method="post" action="/admin/fn/change-template" class="choices">
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="act" value=wish.act.clone()/>
                <input type="hidden" name="parameter" value=wish.parameter.clone()/>
                <input type="hidden" name="value" value=wish.value.clone()/>
                <button type="submit" class="choice">"Do it"</button>
                <span class="body-note">"It holds for what was seen before, too, and can be taken back below the list."</span>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::Wish;

    #[test]
    fn a_wish_is_three_lines() {
        let wish = Wish::read("split\nid\nme,\nyou").unwrap();
        assert_eq!((wish.act.as_str(), wish.parameter.as_str(), wish.value.as_str()), ("split", "id", "me,\nyou"));
        assert!(Wish::read("").is_none());
        assert!(Wish::read("\n\n").is_none());
    }
}
