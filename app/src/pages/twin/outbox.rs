//! Writes that the app was told went through, and that the API knows nothing of: a person sends or drops them.

use leptos::prelude::*;
use understudy_types::OutboxEntry;

use crate::components::{StatusMark, When};

/// More than this is decided about all at once.
const SHOWN: usize = 50;

/// Nothing where nothing waits.
pub(super) fn panel(entries: Vec<OutboxEntry>, now_ms: u64) -> Option<AnyView> {
    let more = entries.len().saturating_sub(SHOWN);
    let waiting = entries.iter().filter(|entry| entry.state != "replayed").count();
    let is_any = !entries.is_empty();
    let rows: Vec<_> = entries.into_iter().take(SHOWN).map(|entry| row(entry, now_ms)).collect();
    let view = || {
        view! {
            <section class="panel keeping" id="outbox" aria-labelledby="outbox-title">
                <h2 id="outbox-title">"Outbox"</h2>
                <p class="body-note">"The app was told that these writes went through while the API was away. Nothing is sent by itself."</p>
                <ol class="saves outbox">{rows}</ol>
                {(more > 0).then(|| view! { <p class="body-note">{more} " more are in " <code>"GET /admin/outbox"</code></p> })}
                <form method="post" action="/admin/fn/change-outbox" class="choices">
                    <button type="submit" class="choice" name="action" value="replay" disabled=waiting == 0 title="In the order in which they came, up to the first that does not go through">"Replay all"</button>
                    <button type="submit" class="choice" name="action" value="drop" title="The API will never hear of them; what the twin made stays in its state">"Drop all"</button>
                </form>
            </section>
        }
        .into_any()
    };
    is_any.then(view)
}

fn row(entry: OutboxEntry, now_ms: u64) -> AnyView {
    let key = entry.id.to_string();
    let place = format!("{} {}", entry.method, entry.target);
    let words = state_words(&entry);
    let exchange = format!("/admin/traffic?open={}", entry.id);
    view! {
        <li class="save" data-key=key>
            <a href=exchange class="save-name"><span class="method">{entry.method.clone()}</span> " " <span class="exchange-target">{entry.target.clone()}</span></a>
            <span class="when">"told " <StatusMark status=entry.told/> " " <When at_ms=entry.at_ms now_ms/></span>
            <span class="outbox-state" data-state=entry.state.clone()>{words}</span>
            {forms(&entry, &place)}
        </li>
    }
    .into_any()
}

fn forms(entry: &OutboxEntry, place: &str) -> AnyView {
    let is_done = entry.state == "replayed";
    let (action, word) = if entry.may_be_processed { ("force", "Send again") } else { ("replay", "Replay") };
    let (replay, remove) = (format!("{word}: {place}"), format!("Drop {place}"));
    view! {
        <form method="post" action="/admin/fn/change-outbox">
            <input type="hidden" name="id" value=entry.id.to_string()/>
            {(!is_done).then(|| view! { <button type="submit" class="choice" name="action" value=action aria-label=replay>{word}</button> })}
            <button type="submit" class="choice" name="action" value="drop" aria-label=remove>"Drop"</button>
        </form>
    }
    .into_any()
}

fn state_words(entry: &OutboxEntry) -> String {
    let result = entry.result.map(|status| format!(": the API said {status}")).unwrap_or_default();
    match entry.state.as_str() {
        "waiting" if !entry.to_give.is_empty() => {
            format!("needs {}, which is not stored: replay it by the admin API", entry.to_give.join(", "))
        }
        "waiting" if entry.may_be_processed => {
            "the API may have carried it out: sending it again may do it twice".into()
        }
        state => format!("{state}{result}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_of_a_replay_is_said() {
        let entry = OutboxEntry {
            id: 4,
            at_ms: 0,
            method: "POST".into(),
            target: "/books".into(),
            told: 201,
            state: "waiting".into(),
            may_be_processed: false,
            to_give: Vec::new(),
            result: None,
        };
        assert_eq!(state_words(&entry), "waiting");
        assert!(state_words(&OutboxEntry { may_be_processed: true, ..entry.clone() }).contains("twice"));
        let secret = OutboxEntry { to_give: vec!["header authorization".into()], ..entry.clone() };
        assert!(state_words(&secret).contains("needs header authorization"));
        let done = OutboxEntry { state: "replayed".into(), result: Some(201), ..entry };
        assert_eq!(state_words(&done), "replayed: the API said 201");
    }
}
