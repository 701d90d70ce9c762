//! How clients took it: one card each, graded from what they did after a fault.

use leptos::prelude::*;
use understudy_types::{ChaosAfter, ChaosClient, ChaosHabit, ChaosReport};

pub(super) fn draw(report: ChaosReport) -> AnyView {
    let none = report.clients.is_empty().then(|| view! { <p class="body-note">"Nobody has met a fault yet."</p> });
    view! {
        <section class="panel" aria-labelledby="chaos-clients">
            <h2 id="chaos-clients">"Report cards"</h2>
            {none}
            <ul class="chaos-rules">{report.clients.into_iter().map(card).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn card(client: ChaosClient) -> AnyView {
    let ChaosClient { client, grade, after, habits } = client;
    let key = client.clone();
    let (grade, meaning) = match grade {
        Some(grade) => (grade.clone(), format!("Grade {grade}")),
        None => ("–".to_owned(), "Nothing was seen that could be graded".to_owned()),
    };
    view! {
        <li class="chaos-rule" data-key=key>
            <span class="grade" role="img" aria-label=meaning.clone() title=meaning>{grade}</span>
            <div class="chaos-words">
                <strong>{client}</strong>
                <span class="body-note">{next(&after)}</span>
                <ul class="habits">{habits.into_iter().map(habit).collect_view()}</ul>
            </div>
        </li>
    }
    .into_any()
}

fn habit(habit: ChaosHabit) -> AnyView {
    let ChaosHabit { name, good, says } = habit;
    let mark = if good { "yes" } else { "no" };
    view! { <li data-good=good.to_string()>{name} ": " <strong>{mark}</strong> <span class="body-note">", " {says}</span></li> }.into_any()
}

/// What was done after faults, in words.
pub(super) fn next(after: &ChaosAfter) -> String {
    let counts = [
        (after.failed, "failed on purpose"),
        (after.retried, "retried"),
        (after.recovered, "recovered"),
        (after.backed_off, "backed off"),
        (after.obeyed_retry_after, "obeyed Retry-After"),
        (after.ignored_retry_after, "ignored Retry-After"),
        (after.timed_out, "timed out"),
        (after.gave_up, "gave up"),
    ];
    let seen: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    seen.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_told() {
        let after = ChaosAfter { failed: 3, retried: 2, ..ChaosAfter::default() };
        assert_eq!(next(&after), "3 failed on purpose, 2 retried");
        assert_eq!(next(&ChaosAfter::default()), "");
    }
}
