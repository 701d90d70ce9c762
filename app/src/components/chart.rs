//! Answers a second for the last two minutes, and below them who was on stage; beside them how long the answers took.

use leptos::prelude::*;
use understudy_types::Source;

use super::glyph::{SourceMark, source_class, source_word};
use crate::format;
use crate::live::Live;
use crate::meter::{Meter, SECONDS, STACK};
use crate::times::SHARES;

const COLUMN: u32 = 5;
const WIDTH: u32 = COLUMN * SECONDS as u32;
const HEIGHT: f64 = 88.0;

#[component]
pub fn Chart() -> impl IntoView {
    let live = expect_context::<Live>();
    let legend = Memo::new(move |_| live.meter.with(legend));
    let summary =
        move || live.meter.with(|meter| format!("Answers a second in the last two minutes, at most {}", meter.peak()));
    let errors = Memo::new(move |_| match live.meter.with(Meter::failed) {
        0 => String::new(),
        1 => "1 error".into(),
        failed => format!("{} errors", format::count(failed)),
    });
    view! {
        <figure class="chart">
            <figcaption class="chart-head">
                <h2>"Answers per second"</h2>
                <span class="legend">
                    {move || legend.get().into_iter().map(|source| view! { <SourceMark source/> }).collect_view()}
                    <span class="legend-errors" class:legend-shown=move || !errors.with(String::is_empty)>{errors}</span>
                </span>
            </figcaption>
            <div class="chart-body">
                <span class="chart-top">{move || live.meter.with(|meter| format!("{}/s", meter.scale()))}</span>
                <svg class="chart-columns" viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=summary>
                    <path class="chart-grid" d=format!("M0 {0}H{WIDTH}M0 .5H{WIDTH}", HEIGHT / 2.0)></path>
                    {STACK.map(|source| view! {
                        <path class=source_class(source) fill="currentColor" d=move || live.meter.with(|meter| meter.columns(source, COLUMN, HEIGHT))></path>
                    })}
                    <path class="chart-errors" d=move || live.meter.with(|meter| meter.error_lines(COLUMN, HEIGHT))></path>
                </svg>
                <svg class="strip" viewBox=format!("0 0 {SECONDS} 1") preserveAspectRatio="none" role="img" aria-label="Who was on stage">
                    {STACK.map(|source| view! {
                        <path class=source_class(source) fill="currentColor" d=move || live.meter.with(|meter| strip(meter, source))>
                            <title>{source_word(source)}</title>
                        </path>
                    })}
                </svg>
            </div>
            <div class="chart-foot" aria-hidden="true"><span>"2 min ago"</span><span>"1 min ago"</span><span>"now"</span></div>
        </figure>
    }
}

/// Lines of the same ink, the rarer the fainter: colour says who spoke, and these tell of all together.
#[component]
pub fn TimesChart() -> impl IntoView {
    let live = expect_context::<Live>();
    let legend = SHARES.map(|(name, share)| {
        let latest = Memo::new(move |_| {
            live.meter
                .with(|meter| meter.times().latest(share))
                .map_or("–".into(), |us| format::duration_us(us as u64))
        });
        view! { <span class="legend-line" data-share=name>{name} " " <span class="legend-now">{latest}</span></span> }
    });
    let bound = move |is_top: bool| {
        let scale = live.meter.with(|meter| meter.times().scale());
        scale.map(|(bottom, top)| format::duration_us(if is_top { top } else { bottom } as u64))
    };
    let lines = SHARES.map(|(name, share)| {
        let line = move || live.meter.with(|meter| meter.times().line(share, COLUMN, HEIGHT));
        view! { <path class="chart-line" data-share=name d=line></path> }
    });
    view! {
        <figure class="chart chart-times">
            <figcaption class="chart-head">
                <h2 title="Of live and twin, five seconds a point, on a logarithmic scale">"Answer times"</h2>
                <span class="legend">{legend}</span>
            </figcaption>
            <div class="chart-body">
                <span class="chart-top">{move || bound(true)}</span>
                <svg class="chart-columns" viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img"
                    aria-label="How long answers took in the last two minutes">
                    <path class="chart-grid" d=format!("M0 {0}H{WIDTH}M0 .5H{WIDTH}", HEIGHT / 2.0)></path>
                    {lines}
                </svg>
                <span class="chart-bottom">{move || bound(false)}</span>
            </div>
            <div class="chart-foot" aria-hidden="true"><span>"2 min ago"</span><span>"1 min ago"</span><span>"now"</span></div>
        </figure>
    }
}

/// The two who are always meant, and whoever else spoke.
fn legend(meter: &Meter) -> Vec<Source> {
    let is_named = |source: &Source| matches!(source, Source::Upstream | Source::Twin) || meter.heard(*source);
    STACK.into_iter().filter(is_named).collect()
}

fn strip(meter: &Meter, source: Source) -> String {
    let own = meter.stretches().into_iter().filter(|stretch| stretch.source == source);
    own.map(|stretch| format!("M{} 0h{}v1h-{}z", stretch.start, stretch.len, stretch.len)).collect()
}
