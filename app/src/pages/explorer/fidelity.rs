//! How well the twin would have answered here, as shadow mode found out.

use leptos::prelude::*;
use serde_json::Value;
use understudy_types::{EndpointFidelity, FidelityExample};

use crate::format;

/// Differences that are listed; the admin API has them all.
const EXAMPLES: usize = 8;
/// More of a value than this nobody reads in a table.
const MAX_CHARS: usize = 120;

pub(super) fn fidelity(fidelity: &EndpointFidelity) -> AnyView {
    let score = |score: Option<f64>| score.map_or("–".to_owned(), |score| format!("{score:.0}"));
    let EndpointFidelity { exchanges, score: all, status, schema, values, .. } = fidelity;
    let parts = format!(
        "status {}, schema {}, values {}; of {} exchanges",
        score(Some(*status)),
        score(*schema),
        score(*values),
        format::exact(*exchanges)
    );
    let rows: Vec<_> = fidelity.examples.iter().take(EXAMPLES).map(example).collect();
    let is_any = !rows.is_empty();
    view! {
        <details class="response">
            <summary>"The twin's fidelity: " <strong>{format!("{all:.0} of 100")}</strong> " " <span class="response-times">{parts}</span></summary>
            {if is_any {
                view! {
                    <div class="table-scroll" tabindex="0" role="region" aria-label="What the twin had otherwise">
                        <table class="rows">
                            <thead><tr><th scope="col">"What"</th><th scope="col">"Where"</th><th scope="col">"The API"</th><th scope="col">"The twin"</th><th scope="col">"Exchange"</th></tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                }
                .into_any()
            } else {
                view! { <p class="body-note">"Nothing was wrong."</p> }.into_any()
            }}
        </details>
    }
    .into_any()
}

fn example(example: &FidelityExample) -> AnyView {
    let href = format!("/admin/traffic?open={}", example.exchange);
    view! {
        <tr>
            <td>{example.kind.clone()}</td>
            <td><code>{example.pointer.clone()}</code></td>
            <td><code>{shown(example.expected.as_ref())}</code></td>
            <td><code>{shown(example.got.as_ref())}</code></td>
            <td><a href=href>{example.target.clone()}</a></td>
        </tr>
    }
    .into_any()
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or("nothing".to_owned(), Value::to_string);
    let mut cut: String = text.chars().take(MAX_CHARS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn long_values_are_cut() {
        assert_eq!((shown(None), shown(Some(&4.into()))), ("nothing".into(), "4".into()));
        assert_eq!(shown(Some(&"é".repeat(400).into())).chars().count(), 121);
    }
}
