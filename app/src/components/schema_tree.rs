//! A learned body: field by field with its evidence, and one sample.

use std::collections::BTreeMap;

use leptos::prelude::*;
use understudy_types::{BodySchema, Field, Spread};

use super::ShareBar;
use crate::format;

/// Deeper fields are drawn at this depth; their pointer still tells.
const DEEPEST: u32 = 12;
/// Samples that fit beside a field.
const SAMPLES: usize = 3;

/// How values spread, by the pointer of their field.
pub type Spreads = BTreeMap<String, Spread>;

#[component]
pub fn BodyView(body: BodySchema, #[prop(optional)] spreads: Spreads) -> impl IntoView {
    let sample = body.sample.as_ref().and_then(|sample| serde_json::to_string_pretty(sample).ok());
    view! {
        <p class="media-type"><code>{body.media_type}</code></p>
        <SchemaTree fields=body.fields spreads/>
        {sample.map(|sample| view! {
            <details class="sample">
                <summary>"One body as it was seen"</summary>
                <pre tabindex="0"><code>{sample}</code></pre>
            </details>
        })}
    }
}

#[component]
pub fn SchemaTree(fields: Vec<Field>, spreads: Spreads) -> impl IntoView {
    let row = |field: Field| {
        let spread = spreads.get(&field.pointer).map(sketch);
        view! { <FieldRow field spread/> }
    };
    let rows = fields.into_iter().map(row).collect_view();
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
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn FieldRow(field: Field, spread: Option<AnyView>) -> impl IntoView {
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
            <th scope="row" class=format!("field-name depth-{depth}") title=evidence(&field)>
                <span class=required>{name}</span>
            </th>
            <td class="types">
                {types_text(&field)}
                {field.format.clone().map(|format| view! { " " <span class="format">{format}</span> })}
            </td>
            <td>{may_be_missing.then(|| view! { <ShareBar share=field.presence label=presence/> })}</td>
            <td class="number">{null}</td>
            <td class="samples">{spread} {values_view(field)}</td>
        </tr>
    }
}

fn shown_name(field: &Field) -> String {
    if field.name == "*" { "each item".into() } else { field.name.clone() }
}

fn types_text(field: &Field) -> String {
    field.types.join(" | ")
}

/// What a field's line rests on.
fn evidence(field: &Field) -> String {
    let seen = match (field.first_seen_ms, field.last_seen_ms) {
        (Some(first), Some(last)) => {
            format!(", first {}, last {}", format::timestamp(first), format::timestamp(last))
        }
        _ => String::new(),
    };
    let place = if field.pointer.is_empty() { "the whole body" } else { &field.pointer };
    format!("{place}: seen {}{seen}", format::times(field.count))
}

const COLUMN: usize = 4;
const HEIGHT: f64 = 14.0;

/// A column for each step from the least value to the most.
fn sketch(spread: &Spread) -> AnyView {
    let most = spread.bars.iter().copied().max().unwrap_or(1).max(1) as f64;
    let column = |(at, n): (usize, &u64)| {
        let height = if *n == 0 { 0.0 } else { (*n as f64 / most * HEIGHT).max(1.0) };
        format!("M{} {HEIGHT}v-{height:.1}h{}v{height:.1}z", at * COLUMN, COLUMN - 1)
    };
    let path: String = spread.bars.iter().enumerate().map(column).collect();
    let width = spread.bars.len() * COLUMN;
    let words = spread_words(spread);
    let label = words.clone();
    view! {
        <span class="sketch" title=label>
            <svg class="spark" viewBox=format!("0 0 {width} {HEIGHT}") width=width.to_string() height=HEIGHT.to_string() role="img" aria-label=words><path d=path></path></svg>
        </span>
    }
    .into_any()
}

fn spread_words(spread: &Spread) -> String {
    let what = if spread.of_length { "Lengths" } else { "Values" };
    let number = |value: f64| (value * 1000.0).round() / 1000.0;
    format!(
        "{what} in the newest answers: from {} to {}, median {}, of {}",
        number(spread.least),
        number(spread.most),
        number(spread.median),
        format::count(spread.count)
    )
}

/// An enum says of each value how often it stood there.
fn values_view(field: Field) -> impl IntoView {
    let is_enum = !field.values.is_empty();
    let counts = if is_enum { field.value_counts } else { Vec::new() };
    let (class, values) = if is_enum { ("chip chip-enum", field.values) } else { ("chip", field.samples) };
    let shown = if is_enum { values.len() } else { SAMPLES };
    let chip = |(at, value): (usize, String)| {
        let times = counts.get(at).map(|count| format!(", {}", format::times(*count))).unwrap_or_default();
        view! { <span class=class title=format!("{value}{times}")>{value.clone()}</span> " " }
    };
    values.into_iter().take(shown).enumerate().map(chip).collect_view()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_says_what_it_is_of() {
        let spread = Spread { of_length: false, count: 12, least: 1.0, median: 2.5, most: 9.123_456, bars: vec![1, 2] };
        assert_eq!(spread_words(&spread), "Values in the newest answers: from 1 to 9.123, median 2.5, of 12");
    }
}
