//! Plugins: what is in the folder, how it does, and the switches.

use leptos::prelude::*;
use understudy_types::PluginInfo;

use crate::components::Copyable;
use crate::format;
use crate::parts::{Desk, Drawn};

pub(crate) fn draw(desk: &Desk) -> Drawn {
    let plugins = desk.backend.plugins();
    let table = if plugins.is_empty() {
        view! { <NoPlugins/> }.into_any()
    } else {
        view! { <PluginTable plugins/> }.into_any()
    };
    let view = view! {
        <section class="plugins" aria-labelledby="plugins-title">
            <div class="plugins-head">
                <h1 id="plugins-title">"Plugins"</h1>
                <form method="post" action="/admin/fn/reload-plugins"><button type="submit" class="plugin-switch">"Read the folder again"</button></form>
            </div>
            {table}
        </section>
    };
    Drawn::new("Plugins", view.into_any())
}

#[component]
fn NoPlugins() -> impl IntoView {
    view! {
        <div class="panel steps">
            <h2>"There are no plugins"</h2>
            <p>"A plugin is one .wasm file. Put it into the plugin folder, and it works at once. This writes the first one:"</p>
            <Copyable text=Signal::stored("understudy plugin new shops --hook normalizer".to_owned())/>
        </div>
    }
}

#[component]
fn PluginTable(plugins: Vec<PluginInfo>) -> impl IntoView {
    view! {
        <div class="table-scroll">
            <table class="rows plugin-table">
                <thead>
                    <tr>
                        <th scope="col">"Plugin"</th>
                        <th scope="col">"Hooks"</th>
                        <th scope="col">"State"</th>
                        <th scope="col" class="number">"Calls"</th>
                        <th scope="col" class="number" title="Calls without a usable answer">"Failed"</th>
                        <th scope="col" class="number" title="Half of the calls took no longer">"p50"</th>
                        <th scope="col" class="number" title="99 of 100 calls took no longer">"p99"</th>
                        <th scope="col" class="number" title="The most that one instance had">"Memory"</th>
                        <th scope="col">"Last error"</th>
                        <th scope="col">"Switch"</th>
                    </tr>
                </thead>
                <tbody>{plugins.into_iter().map(|plugin| view! { <PluginRow plugin/> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn PluginRow(plugin: PluginInfo) -> impl IntoView {
    let why = why(&plugin);
    let label = switch_word(&plugin.state);
    let enable = plugin.state == "disabled" || plugin.state == "switched-off";
    let (id, name) = (plugin.id.clone(), plugin.name.clone());
    view! {
        <tr class="row" data-plugin=plugin.id.clone() data-key=plugin.id>
            <th scope="row" class="plugin-name">
                {plugin.name} " " <span class="plugin-version">{plugin.version}</span>
                <span class="plugin-file">{plugin.file}</span>
            </th>
            <td>{plugin.hooks.join(", ")}</td>
            <td class="plugin-state" data-state=plugin.state.clone()>{state_words(&plugin.state)}</td>
            <td class="number" title=format::exact(plugin.calls)>{format::count(plugin.calls)}</td>
            <td class="number" title=format::exact(plugin.traps)>{format::count(plugin.traps)}</td>
            <td class="number">{micros(plugin.p50_us)}</td>
            <td class="number">{micros(plugin.p99_us)}</td>
            <td class="number">{format::bytes(plugin.memory_bytes)}</td>
            <td class="plugin-why">{why}</td>
            <td>
                {label
                    .map(|label| view! {
                        <form method="post" action="/admin/fn/switch-plugin">
                            <input type="hidden" name="id" value=id/>
                            <input type="hidden" name="enabled" value=enable.to_string()/>
                            <button type="submit" class="plugin-switch" aria-label=format!("{label} {name}")>{label}</button>
                        </form>
                    })}
            </td>
        </tr>
    }
}

fn micros(micros: Option<f64>) -> String {
    micros.map_or_else(
        || "–".to_owned(),
        |micros| if micros < 100.0 { format!("{micros:.1} µs") } else { format::milliseconds(micros / 1000.0) },
    )
}

fn state_words(state: &str) -> &'static str {
    match state {
        "active" => "Active",
        "disabled" => "Disabled",
        "switched-off" => "Switched off after failures",
        "outdated" => "Active, newer file refused",
        _ => "Refused",
    }
}

/// What the switch would do; a file that cannot be used has none.
fn switch_word(state: &str) -> Option<&'static str> {
    match state {
        "active" | "outdated" => Some("Disable"),
        "disabled" | "switched-off" => Some("Enable"),
        _ => None,
    }
}

/// The reason says more than the last error, where there is one.
fn why(plugin: &PluginInfo) -> Option<String> {
    plugin.reason.clone().or_else(|| plugin.last_error.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits() {
        for (micros_, expected) in [(None, "–"), (Some(0.25), "0.2 µs"), (Some(12.34), "12.3 µs")] {
            assert_eq!(micros(micros_), expected);
        }
    }

    #[test]
    fn what_cannot_run_has_no_switch() {
        assert_eq!(switch_word("refused"), None);
        assert_eq!(switch_word("switched-off"), Some("Enable"));
    }
}
