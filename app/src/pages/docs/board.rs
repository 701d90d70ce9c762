//! What is chosen above Swagger UI, and its frame.

use leptos::prelude::*;
use understudy_types::BaselineVersion;

use crate::address::encode;
use crate::format;
use crate::parts::{Desk, Drawn};

const SOURCES: [(&str, &str); 3] = [("", "whoever answers now"), ("twin", "the twin"), ("upstream", "the API")];

pub(crate) fn draw(desk: &Desk, source: &str, version: &str) -> Drawn {
    let source = SOURCES.map(|(known, _)| known).into_iter().find(|known| *known == source).unwrap_or_default();
    let versions = desk.backend.baselines().versions;
    let version = versions.iter().map(|known| known.version.clone()).find(|known| known == version).unwrap_or_default();
    let choice = (!version.is_empty()).then(|| format!("version={}", encode(&version)));
    let file = |ending: &str| match &choice {
        Some(choice) => format!("/admin/openapi.{ending}?{choice}"),
        None => format!("/admin/openapi.{ending}"),
    };
    let frame = format!("/admin/swagger/index.html?source={source}&{}", choice.clone().unwrap_or_default());
    // A frame that goes elsewhere leaves a step in the page's history; another frame leaves none.
    let key = frame.clone();
    let view = view! {
        <div class="docs">
            <form method="get" action="/admin/docs" class="docs-head">
                <h1>"Docs"</h1>
                {sources(source)}
                {picker(&versions, &version)}
                <button type="submit" class="choice unscripted">"Show"</button>
                <span class="docs-downloads">
                    <a class="choice" href=file("json") download="openapi.json" rel="external">"JSON"</a>
                    <a class="choice" href=file("yaml") download="openapi.yaml" rel="external">"YAML"</a>
                </span>
            </form>
            <p class="panel unscripted">"Swagger UI needs JavaScript. The same endpoints are in the Explorer, and the document can be downloaded above."</p>
            <iframe class="docs-frame" data-key=key src=frame title="Swagger UI"></iframe>
        </div>
    };
    Drawn::new("", view.into_any())
}

fn sources(chosen: &str) -> AnyView {
    let option = |(value, words): (&'static str, &'static str)| {
        let is_chosen = value == chosen;
        view! { <option value=value selected=is_chosen>{words}</option> }
    };
    view! { <label class="docs-source">"Try it out with " <select name="source" data-now="">{SOURCES.map(option)}</select></label> }
        .into_any()
}

/// The newest first; without a baseline there is nothing to pick from.
fn picker(versions: &[BaselineVersion], chosen: &str) -> Option<AnyView> {
    let option = |each: &BaselineVersion| {
        let words = format!("{}, {}: {}", each.version, format::timestamp(each.at_ms), each.reason);
        let is_chosen = each.version == chosen;
        view! { <option value=each.version.clone() selected=is_chosen>{words}</option> }
    };
    let options: Vec<_> = versions.iter().rev().map(option).collect();
    let is_now = chosen.is_empty();
    let select = || {
        view! {
            <label class="docs-source">
                "Version "
                <select name="version" data-now="">
                    <option value="" selected=is_now>"as learned until now"</option>
                    {options}
                </select>
            </label>
        }
        .into_any()
    };
    (!versions.is_empty()).then(select)
}
