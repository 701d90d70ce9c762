//! The rules: what each does to whom, which endpoints it touches, and a form for one more.

use leptos::prelude::*;
use understudy_types::{ChaosRule, ChaosTouch};

use super::form::OFFERED;
use crate::format;
use crate::parts::Desk;

/// Endpoints that are named before the rest is only counted.
const NAMED: usize = 4;

pub(super) fn draw(desk: &Desk, rules: Vec<ChaosRule>) -> AnyView {
    let none =
        rules.is_empty().then(|| view! { <p class="body-note">"None yet. A preset makes one, or the form below."</p> });
    let items = rules.into_iter().map(|rule| {
        let touched = desk.backend.chaos_touches(&rule.rule);
        item(rule, &touched)
    });
    view! {
        <section class="panel" aria-labelledby="chaos-rules">
            <h2 id="chaos-rules">"Rules"</h2>
            {none}
            <ul class="chaos-rules">{items.collect_view()}</ul>
            {form()}
        </section>
    }
    .into_any()
}

fn item(rule: ChaosRule, touched: &[ChaosTouch]) -> AnyView {
    let ChaosRule { id, enabled, says, concerned, struck, rule } = rule;
    let note = rule.get("note").and_then(|note| note.as_str()).filter(|note| !note.is_empty()).map(str::to_owned);
    let counts = (concerned > 0).then(|| format!("struck {} of {}", format::exact(struck), format::exact(concerned)));
    let (action, word) = if enabled { ("disable", "Disable") } else { ("enable", "Enable") };
    let label = |word: &str| format!("{word} rule {id}");
    let json = serde_json::to_string_pretty(&rule).unwrap_or_default();
    view! {
        <li class="chaos-rule" data-key=id.to_string() data-enabled=enabled.to_string()>
            <div class="chaos-words">
                <strong>{note}</strong>
                <span>{says}</span>
                <span class="body-note">{preview(touched)}</span>
                <span class="body-note">{counts}</span>
            </div>
            <form method="post" action="/admin/fn/change-rule" class="choices">
                <input type="hidden" name="id" value=id.to_string()/>
                <button type="submit" class="choice" name="action" value=action aria-label=label(word)>{word}</button>
                <button type="submit" class="choice" name="action" value="remove" aria-label=label("Remove")>"Remove"</button>
            </form>
            <details class="chaos-edit">
                <summary>"Edit"</summary>
                <form method="post" action="/admin/fn/change-rule" class="redaction">
                    <input type="hidden" name="id" value=id.to_string()/>
                    <input type="hidden" name="action" value="replace"/>
                    <textarea name="json" rows="10" spellcheck="false" aria-label=label("JSON of")>{json}</textarea>
                    <button type="submit" class="choice" aria-label=label("Save")>"Save"</button>
                </form>
            </details>
        </li>
    }
    .into_any()
}

/// Which endpoints a rule touches, in words.
fn preview(touched: &[ChaosTouch]) -> String {
    let named: Vec<String> =
        touched.iter().take(NAMED).map(|touch| format!("{} {}", touch.method, touch.template)).collect();
    match (touched.len(), touched.len().saturating_sub(NAMED)) {
        (0, _) => "Touches no endpoint that is known so far".into(),
        (_, 0) => format!("Touches {}", named.join(", ")),
        (_, more) => format!("Touches {} and {more} more", named.join(", ")),
    }
}

fn form() -> AnyView {
    let option = |offered: &super::form::Offered| {
        let words = if offered.values == "none" {
            offered.name.to_owned()
        } else {
            format!("{} ({})", offered.name, offered.values)
        };
        view! { <option value=offered.name>{words}</option> }
    };
    view! {
        <form method="post" action="/admin/fn/add-rule" class="settings-form chaos-new" aria-label="New rule">
            <label class="settings-wide">"What goes wrong" <select name="rule[fault]">{OFFERED.iter().map(option).collect_view()}</select></label>
            <label>"First value" <input type="text" name="rule[first]" size="8"/></label>
            <label>"Second value" <input type="text" name="rule[second]" size="8"/></label>
            <label>"Of 100 requests" <input type="number" name="rule[percent]" min="0" max="100" step="any" value="100"/></label>
            <label>"Paths" <input type="text" name="rule[path]" placeholder="all, or /users/{id}"/></label>
            <label>"Methods" <input type="text" name="rule[methods]" size="10" placeholder="all, or GET"/></label>
            <label>"Note" <input type="text" name="rule[note]" maxlength="200"/></label>
            <span class="settings-end"><button type="submit" class="choice">"Add rule"</button></span>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_names_some_endpoints_and_counts_the_rest() {
        let touch =
            |n: usize| ChaosTouch { id: n.to_string(), method: "GET".into(), template: format!("/{n}"), requests: 1 };
        let all: Vec<ChaosTouch> = (0..6).map(touch).collect();
        assert_eq!(preview(&[]), "Touches no endpoint that is known so far");
        assert_eq!(preview(&all[..2]), "Touches GET /0, GET /1");
        assert_eq!(preview(&all), "Touches GET /0, GET /1, GET /2, GET /3 and 2 more");
    }
}
