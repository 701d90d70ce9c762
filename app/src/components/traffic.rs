//! The live traffic table: newest first, standing still while someone reads.

use leptos::prelude::*;

use super::lines::{Columns, Line, Lines, line};
use crate::address::TrafficAddress;
use crate::format;
use crate::live::Live;

/// Rows on the Deck; the traffic screen has them all.
const ROWS: usize = 50;

#[component]
pub fn TrafficTable() -> impl IntoView {
    let live = expect_context::<Live>();
    let html = Memo::new(move |_| {
        let now_ms = live.now_ms.get();
        live.feed.with(|feed| {
            let mut html = String::new();
            for row in feed.rows().take(ROWS) {
                let open = TrafficAddress::default().opening(Some(row.id)).url();
                line(&mut html, &Line { row, open, pin: None, is_open: false, now_ms }, Columns::Deck);
            }
            html
        })
    });
    let pause = move || live.feed.update(|feed| feed.pause());
    let resume = move || live.feed.update(|feed| feed.resume());
    view! {
        <section class="traffic" aria-labelledby="traffic-title">
            <div class="traffic-head">
                <h2 id="traffic-title">"Live traffic"</h2>
                <FeedState/>
            </div>
            <div class="table-scroll" on:mouseenter=move |_| pause() on:mouseleave=move |_| resume() on:focusin=move |_| pause() on:focusout=move |_| resume()>
                <table class="rows traffic-table">
                    <thead>
                        <tr>
                            <th scope="col">"Who"</th>
                            <th scope="col">"Method"</th>
                            <th scope="col">"Path"</th>
                            <th scope="col" class="wide">"Endpoint"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col" class="number">"Time"</th>
                            <th scope="col" class="number wide">"Size"</th>
                            <th scope="col" class="wide">"When"</th>
                            <th scope="col" class="wider">"Why"</th>
                        </tr>
                    </thead>
                    <Lines html/>
                </table>
            </div>
        </section>
    }
}

/// Whether the feed stands still, and what passed meanwhile.
#[component]
pub fn FeedState() -> impl IntoView {
    let live = expect_context::<Live>();
    let words = move || {
        live.feed.with(|feed| match (feed.is_paused(), feed.waiting()) {
            (true, 0) => "paused".to_string(),
            (true, waiting) => format!("paused, {} new", format::count(waiting)),
            (false, _) if feed.unlisted() > 0 => {
                format!("{} passed too fast to be listed", format::count(feed.unlisted()))
            }
            (false, _) => String::new(),
        })
    };
    view! { <span class="feed-state" aria-live="polite">{words}</span> }
}

/// A status code; its class shows by weight and shape, because colour says who spoke.
#[component]
pub fn StatusMark(status: u16) -> impl IntoView {
    view! { <span class=status_class(status)>{status}</span> }
}

#[must_use]
pub fn status_class(status: u16) -> &'static str {
    match status {
        0..=299 => "status status-fine",
        300..=399 => "status status-elsewhere",
        400..=499 => "status status-refused",
        _ => "status status-broken",
    }
}
