//! The live traffic table: newest first, standing still while someone reads.

use std::sync::Arc;

use leptos::prelude::*;
use understudy_types::TrafficRow;

use super::glyph::{SourceMark, source_class};
use super::template::{Template, segments_of};
use crate::address::TrafficAddress;
use crate::format;
use crate::live::Live;

/// Rows on the Deck; the traffic screen has them all.
const ROWS: usize = 50;

#[component]
pub fn TrafficTable() -> impl IntoView {
    let live = expect_context::<Live>();
    let rows = Memo::new(move |_| live.feed.with(|feed| feed.rows().take(ROWS).cloned().collect::<Vec<_>>()));
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
                    <tbody>
                        <For each=move || rows.get() key=|row| row.id children=|row| view! { <Row row/> }/>
                    </tbody>
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

#[component]
fn Row(row: Arc<TrafficRow>) -> impl IntoView {
    let live = expect_context::<Live>();
    let row = TrafficRow::clone(&row);
    let address = TrafficAddress::default().opening(Some(row.id)).url();
    let at_ms = row.at_ms;
    let reason = row.reason.clone();
    view! {
        <tr class=format!("row {}", source_class(row.source)) data-id=row.id.to_string()>
            <td><SourceMark source=row.source/></td>
            <td class="method">{row.method}</td>
            <td class="target" title=row.target.clone()><a href=address>{row.target.clone()}</a></td>
            <td class="wide">{row.template.map(|template| view! { <Template segments=segments_of(&template)/> })}</td>
            <td><StatusMark status=row.status/></td>
            <td class="number" title=format!("{} µs", format::exact(row.duration_us))>{format::duration_us(row.duration_us)}</td>
            <td class="number wide" title=format!("{} bytes", format::exact(row.bytes))>{format::bytes(row.bytes)}</td>
            <td class="wide when" title=format::timestamp(at_ms)>{move || format::ago(at_ms, live.now_ms.get())}</td>
            <td class="wider reason" title=reason>{row.reason}</td>
        </tr>
    }
}

/// A status code; its class shows by weight and shape, because colour says who spoke.
#[component]
pub fn StatusMark(status: u16) -> impl IntoView {
    let class = match status {
        0..=299 => "status status-fine",
        300..=399 => "status status-elsewhere",
        400..=499 => "status status-refused",
        _ => "status status-broken",
    };
    view! { <span class=class>{status}</span> }
}
