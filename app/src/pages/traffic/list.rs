//! The list: as many rows in the page as can be seen, and room for the others.

use std::sync::Arc;

use leptos::ev;
use leptos::prelude::*;
use leptos::web_sys;
use leptos_router::hooks::use_navigate;
use understudy_types::{Filter, TrafficRow};

use super::{Shown, go};
use crate::components::lines::{Columns, Line, Lines, line};
use crate::components::{Copyable, FeedState};
use crate::feed::merged;
use crate::format;
use crate::live::Live;

/// Pixels, as the style sheet has it.
const ROW_HEIGHT: usize = 30;
/// Rows in the page, of which some lie above and below what is seen.
const WINDOW: usize = 70;
const ABOVE: usize = 15;

type Rows = Vec<Arc<TrafficRow>>;

/// Why the list stands still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Hold {
    by_hand: bool,
    is_read: bool,
    is_scrolled: bool,
}

impl Hold {
    fn is_on(self) -> bool {
        self.by_hand || self.is_read || self.is_scrolled
    }
}

#[component]
pub fn Stream(older: Rows, pinned: Rows) -> impl IntoView {
    let live = expect_context::<Live>();
    let shown = expect_context::<Shown>();
    let first = RwSignal::new(0);
    let hold = RwSignal::new(Hold::default());
    let filter = Filter::parse(&shown.get_untracked().filter).unwrap_or_default();
    let rows: Memo<Rows> =
        Memo::new(move |_| live.feed.with(|feed| merged(feed.rows(), &older, |row| filter.fits(row))));
    Effect::new(move |_| {
        let is_on = hold.get().is_on();
        live.feed.update(|feed| if is_on { feed.pause() } else { feed.resume() });
    });
    on_cleanup(move || live.feed.update(crate::feed::Feed::resume));
    keys(rows, hold);
    let window = Memo::new(move |_| {
        let (first, below) = (first.get(), rows.with(Vec::len).saturating_sub(first.get() + WINDOW));
        let seen = rows.with(|rows| rows.iter().skip(first).take(WINDOW).cloned().collect::<Rows>());
        gap(first) + &lines(&seen, live.now_ms.get(), shown) + &gap(below)
    });
    let pinned = Memo::new(move |_| lines(&pinned, live.now_ms.get(), shown));
    let scrolled = move |event: ev::Event| {
        let top = event_target::<web_sys::HtmlElement>(&event).scroll_top().max(0) as usize / ROW_HEIGHT;
        hold.update(|hold| hold.is_scrolled = top > 0);
        first.set(top.saturating_sub(ABOVE));
    };
    let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
    view! {
        <p class="stream-head">
            <button type="button" class="choice stream-pause" aria-pressed=move || hold.get().by_hand.to_string() on:click=move |_| hold.update(|hold| hold.by_hand = !hold.by_hand)>
                {move || if hold.get().by_hand { "Go on" } else { "Pause" }}
            </button>
            <span class="stream-count">{move || counted(rows.with(Vec::len))}</span>
            <FeedState/>
        </p>
        <Show when=move || !is_empty.get() fallback=|| view! { <NothingFits/> }.into_any()>
            <div
                class="table-scroll stream"
                role="region"
                aria-label="Exchanges, newest first"
                tabindex="0"
                on:scroll=scrolled
                on:mouseenter=move |_| hold.update(|hold| hold.is_read = true)
                on:mouseleave=move |_| hold.update(|hold| hold.is_read = false)
            >
                <table class="rows stream-table">
                    <thead>
                        <tr>
                            <th scope="col">"Who"</th>
                            <th scope="col">"Method"</th>
                            <th scope="col" class="stream-path">"Path"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col" class="number">"Time"</th>
                            <th scope="col" class="number wide">"Size"</th>
                            <th scope="col" class="wide">"When"</th>
                            <th scope="col"><span class="hidden">"Pin"</span></th>
                        </tr>
                    </thead>
                    <Lines class="stream-pinned" html=pinned/>
                    <Lines html=window/>
                </table>
            </div>
        </Show>
    }
    .into_any()
}

/// Room for rows that are not in the page. Styles may not stand in attributes here, a height may.
fn gap(rows: usize) -> String {
    let height = rows * ROW_HEIGHT;
    format!(
        "<tr class=\"stream-gap\" aria-hidden=\"true\" data-key=\"gap\"><td colspan=\"8\"><svg width=\"1\" height=\"{height}\"></svg></td></tr>"
    )
}

fn lines(rows: &[Arc<TrafficRow>], now_ms: u64, shown: Shown) -> String {
    let mut html = String::new();
    shown.with(|shown| {
        for row in rows {
            let (open, pin) = (shown.opening(Some(row.id)).url(), shown.pinning(row.id).url());
            let (is_open, is_pinned) = (shown.open == Some(row.id), shown.pins.contains(&row.id));
            line(&mut html, &Line { row, open, pin: Some((pin, is_pinned)), is_open, now_ms }, Columns::Traffic);
        }
    });
    html
}

#[component]
fn NothingFits() -> impl IntoView {
    let live = expect_context::<Live>();
    let shown = expect_context::<Shown>();
    if !shown.get_untracked().filter.is_empty() {
        return view! { <div class="panel steps"><h2>"Nothing fits this filter"</h2><p>"What comes and fits is listed at once."</p></div> }.into_any();
    }
    view! {
        <div class="panel steps">
            <h2>"Nothing has passed through yet"</h2>
            <p>"Send a request, and it is here at once:"</p>
            <Copyable text=Signal::derive(move || format!("curl -i {}/", live.api_url.get()))/>
        </div>
    }
    .into_any()
}

fn counted(n: usize) -> String {
    if n == 1 { "1 exchange".into() } else { format!("{} exchanges", format::count(n as u64)) }
}

/// `j` and `k` open the next and the one before, `p` pauses, `x` pins, Escape closes.
fn keys(rows: Memo<Rows>, hold: RwSignal<Hold>) {
    let shown = expect_context::<Shown>();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let listener = window_event_listener(ev::keydown, move |event| {
            if crate::components::keys::is_typing(&event) {
                return;
            }
            let now = shown.get_untracked();
            let next = match event.key().as_str() {
                "j" | "ArrowDown" => now.opening(beside(&rows.get_untracked(), now.open, 1)),
                "k" | "ArrowUp" => now.opening(beside(&rows.get_untracked(), now.open, -1)),
                "Escape" => now.opening(None),
                "x" => match now.open {
                    Some(id) => now.pinning(id),
                    None => return,
                },
                "p" => return hold.update(|hold| hold.by_hand = !hold.by_hand),
                _ => return,
            };
            if next != now {
                event.prevent_default();
                go(&navigate, &next, true);
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// The row below or above; the first one while none is open.
fn beside(rows: &[Arc<TrafficRow>], open: Option<u64>, step: isize) -> Option<u64> {
    let at = open.and_then(|open| rows.iter().position(|row| row.id == open));
    let next = at.map_or(0, |at| at.saturating_add_signed(step).min(rows.len().saturating_sub(1)));
    rows.get(next).map(|row| row.id).or(open)
}

#[cfg(test)]
mod tests {
    use understudy_types::Source;

    use super::*;

    #[test]
    fn keys_walk_along_the_rows() {
        let row = |id| {
            Arc::new(TrafficRow {
                id,
                at_ms: 0,
                method: "GET".into(),
                target: "/".into(),
                template: None,
                status: 200,
                duration_us: 0,
                bytes: 0,
                source: Source::Twin,
                reason: String::new(),
            })
        };
        let rows = [row(9), row(7), row(5)];
        for (open, step, expected) in
            [(None, 1, 9), (Some(9), 1, 7), (Some(5), 1, 5), (Some(9), -1, 9), (Some(6), 1, 9)]
        {
            assert_eq!(beside(&rows, open, step), Some(expected));
        }
        assert_eq!(beside(&[], Some(3), 1), Some(3));
    }
}
