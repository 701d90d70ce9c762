//! Experiments: one that runs, those that ended with their reports, and a form for the next.

use leptos::prelude::*;
use understudy_types::{ChaosExperiment, ChaosPreset, ChaosReport};

use super::cards;
use crate::components::When;
use crate::format;

pub(super) fn draw(now_ms: u64, presets: &[ChaosPreset], experiments: Vec<ChaosExperiment>) -> AnyView {
    let items = experiments.into_iter().map(|experiment| item(experiment, now_ms));
    view! {
        <section class="panel" aria-labelledby="chaos-experiments">
            <h2 id="chaos-experiments">"Experiments"</h2>
            <p class="body-note">"Rules with a question, an end, and bounds that halt them. The report stays in the project."</p>
            <ul class="chaos-rules">{items.collect_view()}</ul>
            {form(presets)}
        </section>
    }
    .into_any()
}

fn item(experiment: ChaosExperiment, now_ms: u64) -> AnyView {
    let ChaosExperiment { id, name, hypothesis, seed, started_ms, state, why, says, report, .. } = experiment;
    let label = format!("Remove {name}");
    let remove = (state != "running").then(|| {
        view! {
            <form method="post" action="/admin/fn/remove-experiment" class="choices">
                <input type="hidden" name="id" value=id.to_string()/>
                <button type="submit" class="choice" aria-label=label>"Remove"</button>
            </form>
        }
    });
    let outcome = if why.is_empty() { state.clone() } else { format!("{state}: {why}") };
    view! {
        <li class="chaos-rule" data-key=id.to_string() data-state=state>
            <div class="chaos-words">
                <strong>{name}</strong>
                <span>{hypothesis}</span>
                <span class="body-note">{says.join("; ")} ", seed " {seed}</span>
                <span class="experiment-state">{outcome} ", begun " <When at_ms=started_ms now_ms/></span>
                {report.map(|report| summary(&report))}
            </div>
            {remove}
        </li>
    }
    .into_any()
}

fn summary(report: &ChaosReport) -> AnyView {
    let kinds: Vec<String> =
        report.faults.iter().map(|(kind, count)| format!("{} {kind}", format::exact(*count))).collect();
    let struck = format!("{} of {} requests struck", format::exact(report.touched), format::exact(report.requests));
    let words = if kinds.is_empty() { struck } else { format!("{struck}: {}", kinds.join(", ")) };
    view! { <span class="body-note">{words}</span> <span class="body-note">{cards::next(&report.after)}</span> }
        .into_any()
}

fn form(presets: &[ChaosPreset]) -> AnyView {
    let option = |preset: &ChaosPreset| view! { <option value=preset.id.clone()>{preset.name.clone()}</option> };
    view! {
        <form method="post" action="/admin/fn/start-experiment" class="settings-form" aria-label="New experiment">
            <label class="settings-wide">"Name" <input type="text" name="experiment[name]" maxlength="100" required/></label>
            <label class="settings-wide">"What should stay true" <input type="text" name="experiment[hypothesis]" maxlength="500"/></label>
            <label>
                "Rules"
                <select name="experiment[rules]">
                    <option value="">"those switched on above"</option>
                    {presets.iter().map(option).collect_view()}
                </select>
            </label>
            <label>"Minutes" <input type="number" name="experiment[minutes]" min="0.1" max="1440" step="any" value="5"/></label>
            <label>"Seed" <input type="text" name="experiment[seed]" inputmode="numeric" size="8" placeholder="the project's"/></label>
            <label>"Halt above errors, %" <input type="number" name="experiment[error_rate]" min="0" max="100" step="any"/></label>
            <label>"Halt above p95, ms" <input type="number" name="experiment[latency_ms]" min="1" step="any"/></label>
            <label>"Halt above requests struck" <input type="number" name="experiment[faults]" min="1"/></label>
            <label>
                "After a restart"
                <select name="experiment[survives_restart]"><option value="false">"it is over"</option><option value="true">"it goes on"</option></select>
            </label>
            <span class="settings-end"><button type="submit" class="choice">"Start experiment"</button></span>
        </form>
    }
    .into_any()
}
