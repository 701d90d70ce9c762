//! Control Deck: who is answering my app right now?

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use understudy_types::{Counters, Health, Source, Upstream};

use crate::components::{Chart, Copyable, Glyph, TrafficTable, source_class};
use crate::format;
use crate::live::Live;
use crate::standing::{breaker_hint, breaker_word, health_word, standing};

#[component]
pub fn Deck() -> impl IntoView {
    let live = expect_context::<Live>();
    view! {
        <Title text="Control Deck"/>
        <h1 class="hidden">"Control Deck"</h1>
        <Suspense>
            {move || Suspend::new(async move {
                match live.ready().await {
                    Ok(()) => view! { <Board/> }.into_any(),
                    Err(error) => view! { <p class="panel failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Board() -> impl IntoView {
    let live = expect_context::<Live>();
    let is_empty = Memo::new(move |_| {
        live.feed.with(|feed| feed.rows().len() == 0) && live.status.with(|status| status.counters.requests == 0)
    });
    view! {
        <div class="deck">
            <SampleNote/>
            <OutboxNote/>
            <div class="deck-head">
                <Stage/>
                <UpstreamCard/>
                <LearnerCard/>
            </div>
            <Figures/>
            <Show when=move || !is_empty.get() fallback=|| view! { <FirstSteps/> }>
                <Chart/>
                <TrafficTable/>
            </Show>
        </div>
    }
}

#[component]
fn SampleNote() -> impl IntoView {
    let live = expect_context::<Live>();
    let is_sample = live.part(|status| status.upstream.sample);
    view! {
        <Show when=move || is_sample.get()>
            <p class="note" role="note">
                <strong>"The built-in sample API is upstream."</strong>
                " No TARGET_URL was given, so a small made-up API stands in. For your own: "
                <Copyable text="make run TARGET_URL=http://localhost:3000".to_string()/>
            </p>
        </Show>
    }
}

#[component]
fn OutboxNote() -> impl IntoView {
    let live = expect_context::<Live>();
    let waiting = live.part(|status| status.outbox);
    let is_any = live.part(|status| status.outbox > 0);
    view! {
        <Show when=move || is_any.get()>
            <p class="note" role="note">
                <strong>{move || outbox_words(waiting.get())}</strong>
                " The twin answered while the API was away; nothing is sent by itself. Look at "
                <a href="/admin/outbox" rel="external">"the outbox"</a>
                ", then replay or drop what is in it."
            </p>
        </Show>
    }
}

fn outbox_words(waiting: u64) -> String {
    if waiting == 1 { "1 write waits in the outbox.".into() } else { format!("{waiting} writes wait in the outbox.") }
}

#[component]
fn Stage() -> impl IntoView {
    let live = expect_context::<Live>();
    let now = live.part(standing);
    view! {
        <section class=move || format!("panel stage {}", source_class(now.get().source)) aria-live="polite">
            <p class="stage-headline">
                {move || view! { <Glyph source=now.get().source/> }}
                <span>{move || now.get().headline}</span>
            </p>
            <p class="stage-meaning">{move || now.get().meaning}</p>
        </section>
    }
}

#[component]
fn UpstreamCard() -> impl IntoView {
    let live = expect_context::<Live>();
    let upstream = live.part(|status| status.upstream.clone());
    view! {
        <section class="panel card" aria-labelledby="upstream-title">
            <h2 id="upstream-title">"Upstream"</h2>
            <dl>
                <dt>"Health"</dt>
                <dd class="card-health" data-health=move || upstream.with(health_word)>{move || upstream.with(health_word)}</dd>
                <dt>"Breaker"</dt>
                <dd title=move || upstream.with(|upstream| breaker_hint(upstream.breaker))>{move || upstream.with(|upstream| breaker_word(upstream.breaker))}</dd>
                <dt>"Median"</dt>
                <dd>{move || upstream.with(|upstream| upstream.latency_ms.map_or("–".into(), format::milliseconds))}</dd>
            </dl>
            {move || upstream.with(current_error).map(|error| view! { <p class="last-error" title=error.clone()>"Last error: " {error.clone()}</p> })}
        </section>
    }
}

/// What went wrong before upstream came back is no news.
fn current_error(upstream: &Upstream) -> Option<String> {
    if upstream.health == Health::Up { None } else { upstream.last_error.clone() }
}

#[component]
fn LearnerCard() -> impl IntoView {
    let live = expect_context::<Live>();
    let learner = live.part(|status| status.learner);
    let endpoints = live.part(|status| status.endpoints);
    let part = move |pick: fn(&understudy_types::Learner) -> u64| move || format::count(learner.with(pick));
    view! {
        <section class="panel card" aria-labelledby="learner-title">
            <h2 id="learner-title">"Learned"</h2>
            <dl>
                <dt><A href="/admin/explorer">"Endpoints"</A></dt>
                <dd>{move || format::count(endpoints.get())}</dd>
                <dt title="Exchanges that the contract was learned from">"Exchanges"</dt>
                <dd>{part(|learner| learner.learned)}</dd>
                <dt title="Handed over and not yet learned">"Pending"</dt>
                <dd>{part(|learner| learner.pending)}</dd>
                <dt title="Dropped because the queue was full; traffic never waits for learning">"Shed"</dt>
                <dd>{part(|learner| learner.shed)}</dd>
            </dl>
        </section>
    }
}

#[component]
fn Figures() -> impl IntoView {
    let live = expect_context::<Live>();
    let counters = live.part(|status| status.counters);
    view! {
        <section class="figures" aria-label="Answers since the start">
            <Figure label="Answers" source=None value=Signal::derive(move || counters.get().requests) counters/>
            <Figure label="live" source=Some(Source::Upstream) value=Signal::derive(move || counters.get().upstream) counters/>
            <Figure label="twin" source=Some(Source::Twin) value=Signal::derive(move || counters.get().twin) counters/>
            <Figure label="fault" source=Some(Source::Fault) value=Signal::derive(move || counters.get().fault) counters/>
            <Figure label="Errors" source=None value=Signal::derive(move || counters.get().errors) counters/>
            <p class="figures-since">"since the start, " {move || format::ago(live.started_ms.get(), live.now_ms.get())}</p>
        </section>
    }
}

#[component]
fn Figure(label: &'static str, source: Option<Source>, value: Signal<u64>, counters: Memo<Counters>) -> impl IntoView {
    let share = move || {
        let (part, whole) = (value.get(), counters.get().requests);
        (source.is_some() && part > 0).then(|| format::percent(part as f64 / whole.max(1) as f64))
    };
    view! {
        <div class=format!("figure {}", source.map_or("plain", source_class))>
            <span class="figure-label">{source.map(|source| view! { <Glyph source/> })} {label}</span>
            <span class="figure-value" title=move || format::exact(value.get())>{move || format::count(value.get())}</span>
            <span class="figure-share">{share}</span>
        </div>
    }
}

/// Before the first request: what to do, to copy.
#[component]
fn FirstSteps() -> impl IntoView {
    let live = expect_context::<Live>();
    let url = live.api_url;
    let is_sample = live.part(|status| status.upstream.sample);
    let upstream = live.part(|status| status.upstream.url.clone());
    view! {
        <section class="panel steps" aria-labelledby="steps-title">
            <h2 id="steps-title">"Nothing has passed through yet"</h2>
            <ol>
                <li>
                    <p>"Point your app's base URL here instead of at " <code>{move || upstream.get()}</code> ":"</p>
                    <Copyable text=Signal::derive(move || url.get())/>
                </li>
                <li>
                    <p>"Or send a first request by hand. It shows up here at once:"</p>
                    <Copyable text=Signal::derive(move || format!("curl -i {}{}", url.get(), first_path(is_sample.get())))/>
                </li>
                <li>
                    <p>"When enough was learned, press Mock above: the twin answers the same requests, and the API may rest."</p>
                </li>
            </ol>
        </section>
    }
}

/// Of an API nobody has seen yet only the root is known; the sample API has books.
fn first_path(is_sample: bool) -> &'static str {
    if is_sample { "/books" } else { "/" }
}
