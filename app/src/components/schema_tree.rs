//! A learned body: field by field with its evidence, and one sample.

use leptos::prelude::*;
use understudy_types::{BodySchema, Field};

use super::ShareBar;
use crate::format;

/// Deeper fields are drawn at this depth; their pointer still tells.
const DEEPEST: u32 = 12;
/// Samples that fit beside a field.
const SAMPLES: usize = 3;

#[component]
pub fn BodyView(body: BodySchema) -> impl IntoView {
    let sample = body.sample.as_ref().and_then(|sample| serde_json::to_string_pretty(sample).ok());
    view! {
        <p class="media-type"><code>{body.media_type}</code></p>
        <SchemaTree fields=body.fields/>
        {sample.map(|sample| view! {
            <details class="sample">
                <summary>"One body as it was seen"</summary>
                <pre tabindex="0"><code>{sample}</code></pre>
            </details>
        })}
    }
}

#[component]
pub fn SchemaTree(fields: Vec<Field>) -> impl IntoView {
    view! {
        <div class="table-scroll">
            <table class="rows schema">
                <thead>
                    <tr>
                        <th scope="col">"Field"</th>
                        <th scope="col">"Type"</th>
                        <th scope="col">"Present"</th>
                        <th scope="col">"Null"</th>
                        <th scope="col">"Values"</th>
                    </tr>
                </thead>
                <tbody>{fields.into_iter().map(|field| view! { <FieldRow field/> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn FieldRow(field: Field) -> impl IntoView {
    let depth = field.depth.min(DEEPEST);
    let name = if field.pointer.is_empty() { "body".to_string() } else { shown_name(&field) };
    // The body is always there, and an item is not missing from a list.
    let may_be_missing = !field.pointer.is_empty() && field.name != "*";
    let presence =
        format!("in {} of its parents, seen {}", format::percent(field.presence), format::times(field.count));
    let null = (field.null_share > 0.0).then(|| format::percent(field.null_share));
    let required = if field.required { "field field-required" } else { "field" };
    view! {
        <tr>
            <th scope="row" class=format!("field-name depth-{depth}") title=field.pointer.clone()>
                <span class=required>{name}</span>
            </th>
            <td class="types">
                {types_text(&field)}
                {field.format.clone().map(|format| view! { " " <span class="format">{format}</span> })}
            </td>
            <td>{may_be_missing.then(|| view! { <ShareBar share=field.presence label=presence/> })}</td>
            <td class="number">{null}</td>
            <td class="samples">{values_view(field)}</td>
        </tr>
    }
}

fn shown_name(field: &Field) -> String {
    if field.name == "*" { "each item".into() } else { field.name.clone() }
}

fn types_text(field: &Field) -> String {
    field.types.join(" | ")
}

fn values_view(field: Field) -> impl IntoView {
    let is_enum = !field.values.is_empty();
    let (class, values) = if is_enum { ("chip chip-enum", field.values) } else { ("chip", field.samples) };
    let shown = if is_enum { values.len() } else { SAMPLES };
    values
        .into_iter()
        .take(shown)
        .map(|value| view! { <span class=class title=value.clone()>{value.clone()}</span> " " })
        .collect_view()
}
