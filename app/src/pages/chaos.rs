//! Chaos: what goes wrong on purpose, how to stop it, and how clients take it. All of it is drawn by the server and changed
//! with plain forms.

mod acts;
mod cards;
mod experiments;
mod form;
mod rules;

use leptos::prelude::*;
use understudy_types::{ChaosPreset, ChaosStatus, ChaosView};

use crate::format;
use crate::parts::{Desk, Drawn};

pub(crate) fn draw(desk: &Desk) -> Drawn {
    let ChaosView { status, seed, dial, per_request, client_header, rules, presets, experiments, report } =
        desk.backend.chaos();
    let view = view! {
        <section class="settings chaos" aria-labelledby="chaos-title">
            <h1 id="chaos-title">"Chaos"</h1>
            {switch(&status, desk.now_ms)}
            {preset_list(&presets)}
            {rules::draw(desk, rules)}
            {experiments::draw(desk.now_ms, &presets, experiments)}
            {cards::draw(report)}
            {settings(seed, dial, per_request, client_header)}
        </section>
    };
    Drawn::new("Chaos", view.into_any())
}

/// The one thing on this page that must never have to be looked for.
fn switch(status: &ChaosStatus, now_ms: u64) -> AnyView {
    let state = if status.on { "on" } else { "off" };
    let words = if status.on { "Faults are at work" } else { "Nothing goes wrong on purpose" };
    let ends = status.until_ms.filter(|_| status.on).map(|until| format!("Ends by itself in {}.", left(until, now_ms)));
    let struck = status.on.then(|| format!("{} requests were struck. ", format::exact(status.touched)));
    view! {
        <section class="panel chaos-switch fault" data-state=state aria-labelledby="chaos-state">
            <div class="chaos-words">
                <h2 id="chaos-state">{words}</h2>
                <p>{status.says.clone()}</p>
                <p class="body-note">{struck}{ends}</p>
            </div>
            <form method="post" action="/admin/fn/halt-chaos"><button type="submit" class="halt halt-big" disabled=!status.on>"Halt everything"</button></form>
            <form method="post" action="/admin/fn/set-chaos" class="settings-form">
                <input type="hidden" name="on" value="true"/>
                <label>"For minutes" <input type="number" name="minutes" min="1" max="1440" value="60"/></label>
                <button type="submit" class="choice">"Put the rules to work"</button>
            </form>
        </section>
    }
    .into_any()
}

/// Until then, in the unit that fits.
fn left(until_ms: u64, now_ms: u64) -> String {
    let seconds = until_ms.saturating_sub(now_ms).div_ceil(1000);
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

fn preset_list(presets: &[ChaosPreset]) -> AnyView {
    let item = |preset: &ChaosPreset| {
        let ChaosPreset { id, name, meaning, .. } = preset.clone();
        let key = id.clone();
        let (start, paths) = (format!("Start {name}"), format!("Paths for {name}"));
        view! {
            <li class="preset" data-key=key>
                <strong>{name}</strong>
                <span class="preset-meaning">{meaning}</span>
                <form method="post" action="/admin/fn/start-preset" class="preset-form">
                    <input type="hidden" name="name" value=id/>
                    <input type="text" name="path" aria-label=paths placeholder="all paths, or /users/**"/>
                    <button type="submit" class="choice" aria-label=start>"Start"</button>
                </form>
            </li>
        }
    };
    view! {
        <section class="panel" aria-labelledby="chaos-presets">
            <h2 id="chaos-presets">"Presets"</h2>
            <p class="body-note">"A preset is a rule. It works alone: your own rules are switched off and stay."</p>
            <ul class="presets">{presets.iter().map(item).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn settings(seed: u64, dial: f64, per_request: bool, client_header: String) -> AnyView {
    view! {
        <section class="panel" aria-labelledby="chaos-settings">
            <h2 id="chaos-settings">"How faults are drawn, and for whom"</h2>
            <form method="post" action="/admin/fn/set-chaos" class="settings-form">
                <label>"Seed" <input type="text" name="seed" inputmode="numeric" value=seed.to_string()/></label>
                <label>"The API's own failures, times 0 to 20" <input type="number" name="dial" min="0" max="20" step="any" value=dial.to_string()/></label>
                <label>"Field that tells clients apart" <input type="text" name="client_header" value=client_header/></label>
                <label>
                    "Requests may ask for faults"
                    <select name="per_request">
                        <option value="false" selected=!per_request>"no"</option>
                        <option value="true" selected=per_request>"yes, with X-Understudy-Fault"</option>
                    </select>
                </label>
                <span class="settings-end"><button type="submit" class="choice">"Save"</button></span>
            </form>
            <p class="body-note">"The same seed and order of requests give the same faults. Each one has an id, by which X-Understudy-Fault: id=… has it again."</p>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn what_is_left_has_the_unit_that_fits() {
        for (until, expected) in [(500, "0 s"), (1_001, "1 s"), (61_000, "60 s"), (3_601_000, "60 min")] {
            assert_eq!(left(until, 1_000), expected);
        }
    }
}
