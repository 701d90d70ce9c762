//! The dashboard: rendered by the server, taken over by the browser.
//!
//! [`shell`] is the document, [`App`] what lives in it. What is live comes through [`backend`] once and then through
//! [`live`]; the rest the server draws, part by part ([`parts`]). Components show; what there is to compute lies in plain structs ([`feed`], [`meter`],
//! [`standing`], [`mod@format`]) that know nothing of signals.

// Views are types as deep as the page.
#![recursion_limit = "256"]

#[cfg(feature = "hydrate")]
mod acts;
pub mod address;
pub mod backend;
pub mod components;
pub mod curl;
#[cfg(feature = "ssr")]
mod document;
pub mod feed;
pub mod format;
pub mod live;
pub mod meter;
#[cfg(feature = "hydrate")]
mod morph;
pub mod pages;
pub mod parts;
#[cfg(feature = "ssr")]
pub mod standing;
pub mod times;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use components::Frame;
use pages::{Chaos, Deck, Docs, Drift, Explorer, Lost, Plugins, Projects, Settings, Traffic, Twin};

/// The document around the page. Only the server writes it. `build` stands for the files of this build: with it in their
/// addresses they may be kept for good.
#[cfg(feature = "ssr")]
pub fn shell(options: LeptosOptions, build: String) -> impl IntoView {
    use leptos_meta::MetaTags;

    document::send(&options);
    let file = |ending: &str| format!("/{}/{}.{ending}?v={build}", options.site_pkg_dir, options.output_name);
    let (style, script, wasm) = (file("css"), file("js"), file("wasm"));
    let start =
        format!("import start, {{ hydrate }} from '{script}'; start({{ module_or_path: '{wasm}' }}).then(hydrate);");
    let nonce = leptos::nonce::use_nonce();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=document::chosen_theme() data-rail=document::chosen_rail()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" type="image/svg+xml" href="/admin/favicon.svg"/>
                <link rel="stylesheet" href=style/>
                <link rel="modulepreload" href=script nonce=nonce.clone()/>
                <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin=""/>
                <AutoReload options/>
                <script r#type="module" nonce=nonce>{start}</script>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Every route is rendered in one piece: the page is whole without a script.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    live::provide_live();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Understudy".into() } else { format!("{title} · Understudy") }/>
        <Router>
            <Frame>
                <Routes fallback=|| view! { <Lost/> }>
                    <Route path=path!("/") view=Deck ssr=SsrMode::Async/>
                    <Route path=path!("/admin/traffic") view=Traffic ssr=SsrMode::Async/>
                    <Route path=path!("/admin/explorer/:id?") view=Explorer ssr=SsrMode::Async/>
                    <Route path=path!("/admin/drift/:id?") view=Drift ssr=SsrMode::Async/>
                    <Route path=path!("/admin/docs") view=Docs ssr=SsrMode::Async/>
                    <Route path=path!("/admin/chaos") view=Chaos ssr=SsrMode::Async/>
                    <Route path=path!("/admin/twin") view=Twin ssr=SsrMode::Async/>
                    <Route path=path!("/admin/settings") view=Settings ssr=SsrMode::Async/>
                    <Route path=path!("/admin/plugins") view=Plugins ssr=SsrMode::Async/>
                    <Route path=path!("/admin/projects") view=Projects ssr=SsrMode::Async/>
                </Routes>
            </Frame>
        </Router>
    }
}
