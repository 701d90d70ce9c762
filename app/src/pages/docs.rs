//! Docs: the learned API in Swagger UI. It lives in a document of its own, so that neither's styles and scripts reach the
//! other.

use leptos::prelude::*;
use leptos_meta::Title;

#[component]
pub fn Docs() -> impl IntoView {
    let source = RwSignal::new(String::new());
    let frame = move || format!("/admin/swagger/index.html?source={}", source.get());
    view! {
        <Title text="Docs"/>
        <div class="docs">
            <div class="docs-head">
                <h1>"Docs"</h1>
                <label class="docs-source">
                    "Try it out with "
                    <select on:change=move |event| source.set(event_target_value(&event))>
                        <option value="">"whoever answers now"</option>
                        <option value="twin">"the twin"</option>
                        <option value="upstream">"the API"</option>
                    </select>
                </label>
                <span class="docs-downloads">
                    <a class="choice" href="/admin/openapi.json" download="openapi.json" rel="external">"JSON"</a>
                    <a class="choice" href="/admin/openapi.yaml" download="openapi.yaml" rel="external">"YAML"</a>
                </span>
            </div>
            <noscript><p class="panel">"Swagger UI needs JavaScript. The same endpoints are in the Explorer, and the document can be downloaded above."</p></noscript>
            <iframe class="docs-frame" src=frame title="Swagger UI"></iframe>
        </div>
    }
    .into_any()
}
