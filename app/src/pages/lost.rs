//! An address under `/admin` that is no screen.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

#[component]
pub fn Lost() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::document::not_found();
    view! {
        <Title text="Not found"/>
        <section class="panel lost">
            <h1>"There is no screen at this address"</h1>
            <p>"Your app's own paths are answered as before. Go to the " <A href="/">"Control Deck"</A> " or to the " <A href="/admin/explorer">"Explorer"</A> "."</p>
        </section>
    }
}
