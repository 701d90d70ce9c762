//! An address under `/admin` that is no screen.

use leptos::prelude::*;
use leptos_meta::Title;

#[component]
pub fn Lost() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::document::not_found();
    view! {
        <Title text="Not found"/>
        <section class="panel lost">
            <h1>"There is no screen at this address"</h1>
            <p>"Your app's own paths are answered as before. Go to the " <a href="/">"Control Deck"</a> " or to the " <a href="/admin/explorer">"Explorer"</a> "."</p>
        </section>
    }
}
