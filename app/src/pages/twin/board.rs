//! The collections, the rows of the open one, and what is kept.

use leptos::prelude::*;
use serde_json::{Map, Value};
use understudy_types::{TwinCollection, TwinEntity, TwinSave};

use super::outbox;
use crate::address::encode;
use crate::components::When;
use crate::format;
use crate::parts::{Desk, Drawn, refused};

pub(crate) async fn draw(desk: &Desk, collection: &str, after: &str) -> Result<Drawn, ServerFnError> {
    let cursor = Some(after).filter(|after| !after.is_empty());
    let rows = desk.backend.twin_rows(collection, cursor);
    let saves = desk.backend.twin_saves().await.map_err(refused)?;
    Ok(Drawn::new("", board(desk, saves, rows, collection.to_owned())))
}

/// Rows of a collection, and where the next page begins.
type Page = (Vec<TwinEntity>, Option<String>);

fn board(desk: &Desk, saves: Vec<TwinSave>, rows: Option<Page>, open: String) -> AnyView {
    let state = desk.backend.twin_state();
    let now_ms = desk.now_ms;
    let outbox = desk.backend.outbox();
    if state.collections.is_empty() && saves.is_empty() && outbox.is_empty() {
        return view! {
            <div class="panel steps">
                <h2>"The twin has no collections yet"</h2>
                <p>"They are found from traffic: lists such as /things and what lies under /things/{id}. Use the app for a while, or import an OpenAPI document."</p>
            </div>
        }
        .into_any();
    }
    let changed = state.collections.iter().map(|collection| collection.changed).sum();
    let is_open = rows.is_some();
    view! {
        <div class=if is_open { "explorer explorer-open" } else { "explorer" }>
            <div class="twin-side">
                {outbox::panel(outbox, now_ms)}
                <Collections collections=state.collections open=open.clone()/>
                <Keeping saves changed now_ms/>
                <p class="body-note">"Seed " <code>{state.seed}</code></p>
            </div>
            {rows.map(|(rows, next)| view! { <Rows collection=open rows next/> })}
        </div>
    }
    .into_any()
}

#[component]
fn Collections(collections: Vec<TwinCollection>, open: String) -> impl IntoView {
    let row = |collection: TwinCollection| {
        let TwinCollection { name, key, rows, changed } = collection;
        let class = if name == open { "row row-open" } else { "row" };
        let href = format!("/admin/twin?collection={}", encode(&name));
        view! {
            <tr class=class data-key=name.clone()>
                <th scope="row"><a href=href data-noscroll="">{name.clone()}</a></th>
                <td class="field-name">{key}</td>
                <td class="number">{format::count(rows as u64)}</td>
                <td class="number">{format::count(changed as u64)}</td>
            </tr>
        }
    };
    view! {
        <div class="table-scroll">
            <table class="rows collections">
                <thead>
                    <tr>
                        <th scope="col">"Collection"</th>
                        <th scope="col" title="The field that identifies a row">"Key"</th>
                        <th scope="col" class="number">"Rows"</th>
                        <th scope="col" class="number" title="Rows that the twin itself wrote or deleted">"Changed"</th>
                    </tr>
                </thead>
                <tbody>{collections.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Keeping(saves: Vec<TwinSave>, changed: usize, now_ms: u64) -> impl IntoView {
    let row = move |save: TwinSave| {
        let TwinSave { name, at_ms, bytes } = save;
        let (load, remove, hidden) = (format!("Load {name}"), format!("Remove {name}"), name.clone());
        view! {
            <li class="save" data-key=hidden.clone()>
                <span class="save-name">{name}</span>
                <span class="when"><When at_ms now_ms/> ", " {format::bytes(bytes)}</span>
                <form method="post" action="/admin/fn/change-twin">
                    <input type="hidden" name="name" value=hidden.clone()/>
                    <button type="submit" class="choice" name="action" value="load" aria-label=load>"Load"</button>
                    <button type="submit" class="choice" name="action" value="remove" aria-label=remove>"Remove"</button>
                </form>
            </li>
        }
    };
    view! {
        <section class="panel keeping" aria-labelledby="keeping-title">
            <h2 id="keeping-title">"Keep and go back"</h2>
            <form method="post" action="/admin/fn/change-twin" class="choices">
                <input type="text" class="filter" name="name" aria-label="Name to keep this state under" placeholder="before the demo" maxlength="64"/>
                <button type="submit" class="choice" name="action" value="save">"Save"</button>
            </form>
            <form method="post" action="/admin/fn/change-twin" class="choices">
                <button type="submit" class="choice" name="action" value="reset">"Reset"</button>
                <span class="body-note">{reset_words(changed)}</span>
            </form>
            <ul class="saves">{saves.into_iter().map(row).collect_view()}</ul>
        </section>
    }
    .into_any()
}

/// What a reset would undo.
fn reset_words(changed: usize) -> String {
    match changed {
        0 => "Nothing was changed by clients; what was learned stays.".into(),
        1 => "Takes back 1 row that clients changed; what was learned stays.".into(),
        rows => format!("Takes back {rows} rows that clients changed; what was learned stays."),
    }
}

#[component]
fn Rows(collection: String, rows: Vec<TwinEntity>, next: Option<String>) -> impl IntoView {
    let more = next.map(|next| format!("/admin/twin?collection={}&after={}", encode(&collection), encode(&next)));
    view! {
        <section class="detail panel" aria-label="Rows">
            <a class="detail-close quiet" href="/admin/twin" data-noscroll="">"Close"</a>
            <h2>{collection.clone()}</h2>
            {rows.is_empty().then(|| view! { <p class="body-note">"No rows."</p> })}
            {rows.into_iter().map(|row| entity(&collection, row)).collect_view()}
            {new_row(&collection)}
            {more.map(|more| view! { <a class="choice" href=more data-noscroll="">"More rows"</a> })}
        </section>
    }
    .into_any()
}

fn entity(collection: &str, entity: TwinEntity) -> AnyView {
    let TwinEntity { key, fields, refs, changed } = entity;
    let text = serde_json::to_string_pretty(&fields).unwrap_or_default();
    let refs: Vec<String> = refs
        .iter()
        .map(|(field, to)| format!("{field} → {}", to.as_str().map_or_else(|| to.to_string(), str::to_owned)))
        .collect();
    let (shown, glance) = (key.clone(), glance(&key, &fields));
    view! {
        <details class="response" data-key=key.clone()>
            <summary><code>{shown}</code> <span class="glance">{glance}</span> {changed.then_some(" changed by the twin")}</summary>
            {(!refs.is_empty()).then(|| view! { <p class="body-note">{refs.join(", ")}</p> })}
            {row_form(collection, &key, &text)}
        </details>
    }
    .into_any()
}

fn row_form(collection: &str, key: &str, text: &str) -> AnyView {
    let label = format!("Fields of {key}");
    let lines = text.lines().count().clamp(3, 16).to_string();
    view! {
        <form method="post" action="/admin/fn/edit-row" class="row-form">
            <input type="hidden" name="collection" value=collection.to_owned()/>
            <input type="hidden" name="key" value=key.to_owned()/>
            <textarea name="fields" rows=lines spellcheck="false" aria-label=label>{text.to_owned()}</textarea>
            <span class="choices">
                <button type="submit" class="choice" name="action" value="save">"Save row"</button>
                <button type="submit" class="choice" name="action" value="delete" title="Reset takes it back">"Delete row"</button>
            </span>
        </form>
    }
    .into_any()
}

/// Members that a row's line has room for, and letters of each.
const GLANCED: usize = 3;
const GLANCE_CHARS: usize = 32;

/// What tells a row from others, beside its key: texts first.
fn glance(key: &str, fields: &Map<String, Value>) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut values: Vec<(bool, String)> =
        fields.values().filter_map(|value| Some((!value.is_string(), text(value)?))).collect();
    values.retain(|(_, text)| !text.is_empty() && text != key);
    values.sort_by_key(|(is_number, _)| *is_number);
    let cut = |text: String| text.chars().take(GLANCE_CHARS).collect::<String>();
    values.into_iter().take(GLANCED).map(|(_, text)| cut(text)).collect::<Vec<_>>().join(" · ")
}

fn new_row(collection: &str) -> AnyView {
    view! {
        <details class="response">
            <summary>"A new row"</summary>
            <form method="post" action="/admin/fn/edit-row" class="row-form">
                <input type="hidden" name="collection" value=collection.to_owned()/>
                <label>"Key" <input type="text" class="filter" name="key" required/></label>
                <textarea name="fields" rows="4" spellcheck="false" aria-label="Fields of the new row">"{}"</textarea>
                <span class="choices"><button type="submit" class="choice" name="action" value="save">"Add row"</button></span>
            </form>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_told_by_its_texts_and_then_its_numbers() {
        let fields = json!({"id": 7, "pages": 96, "title": "Dune", "price": null, "tags": ["a"], "language": "en"});
        assert_eq!(glance("7", fields.as_object().unwrap()), "Dune · en · 96");
    }

    #[test]
    fn a_reset_says_what_it_takes_back() {
        assert!(reset_words(0).starts_with("Nothing"));
        assert!(reset_words(1).contains("1 row "));
        assert!(reset_words(7).contains("7 rows"));
    }
}
