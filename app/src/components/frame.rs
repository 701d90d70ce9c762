//! What surrounds every screen: the rail and the top bar.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::{Keys, PartView, RailToggle, ThemeToggle};
use crate::format;
use crate::live::{Connection, Live};
use crate::parts::Part;

/// A page of the rail: its address, its name, its icon as an SVG path in a square of 16.
pub(super) const PAGES: [(&str, &str, &str); 10] = [
    ("/", "Deck", "M2 2h12v5H2zM2 9h5v5H2zM9 9h5v5H9z"),
    ("/admin/traffic", "Traffic", "M2 3h12v2H2zM2 7h8v2H2zM2 11h10v2H2z"),
    ("/admin/explorer", "Explorer", "M2 2h4v3H5v2h4V6h5v4H9V8.5H5V12h4v-1h5v4H9v-1.500H3.500V5H2z"),
    ("/admin/docs", "Docs", "M3 1h7l3 3v11H3zM5 6v1.500h6V6zM5 9v1.500h6V9z"),
    ("/admin/drift", "Drift", "M8 1l7 13H1zM7.250 6v4h1.500V6zM7.250 11v1.500h1.500V11z"),
    ("/admin/twin", "Twin", "M8 1l7 7l-7 7l-7-7zM8 4L4 8l4 4l4-4z"),
    ("/admin/chaos", "Chaos", "M9 1L3 9h4l-1 6l7-9H8.500z"),
    ("/admin/plugins", "Plugins", "M5 1h2v3h2V1h2v3h2v4a4 4 0 0 1-4 4v3H7v-3a4 4 0 0 1-4-4V4h2z"),
    ("/admin/projects", "Projects", "M2 3h5l1 2h6v8H2zM3.500 6.500v5h9v-5z"),
    ("/admin/settings", "Settings", "M2 3h6v2H2zM10 3h4v2h-4zM2 7h2v2H2zM6 7h8v2H6zM2 11h8v2H2zM12 11h2v2h-2z"),
];

#[component]
pub fn Frame(children: Children) -> impl IntoView {
    view! {
        <a class="skip" href="#screen">"Skip to the content"</a>
        <div class="frame">
            <Rail/>
            <header class="top">
                <TopBar/>
            </header>
            <main id="screen" class="screen" tabindex="-1">{children()}</main>
        </div>
        <Told/>
        <Keys/>
    }
}

/// What became of what somebody did on a screen.
#[component]
fn Told() -> impl IntoView {
    let live = expect_context::<Live>();
    #[cfg(feature = "hydrate")]
    crate::acts::listen(live);
    let failure = move || live.told.with(|told| told.as_ref().and_then(|told| told.as_ref().err().cloned()));
    let done = move || live.told.with(|told| told.as_ref().is_some_and(Result::is_ok)).then_some("Done");
    view! {
        <div class="told">
            <p class="failure" role="alert">{failure}</p>
            <p class="done" role="status">{done}</p>
        </div>
    }
    .into_any()
}

#[component]
fn Rail() -> impl IntoView {
    let path = use_location().pathname;
    view! {
        <nav class="rail" aria-label="Screens">
            <span class="brand" aria-hidden="true">
                <svg viewBox="0 0 20 20" width="20" height="20">
                    <circle class="brand-live" cx="8" cy="8" r="6"></circle>
                    <path class="brand-twin" d="M13 6l6 6l-6 6l-6-6z"></path>
                </svg>
                <span class="brand-name">"Understudy"</span>
            </span>
            {PAGES
                .map(|(href, name, icon)| view! {
                    <a href=href class="rail-link" aria-current=move || path.with(|path| is_in(path, href)).then_some("page")>
                        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                            <path d=icon fill="currentColor"></path>
                        </svg>
                        <span>{name}</span>
                    </a>
                })
                .collect_view()}
            <RailToggle/>
        </nav>
    }
}

/// Whether an address is that of a page or lies below it.
fn is_in(path: &str, page: &str) -> bool {
    path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || page != "/" && rest.starts_with('/'))
}

#[component]
fn TopBar() -> impl IntoView {
    let live = expect_context::<Live>();
    let part = Memo::new(|_| Part::Top);
    view! {
        <PartView part again=live.standing title=RwSignal::new(String::new())/>
        <Suspense>
            {move || Suspend::new(async move { live.ready().await.map(|()| view! { <Rate/> <ConnectionMark/> }) })}
        </Suspense>
        <ThemeToggle/>
    }
    .into_any()
}

#[component]
fn Rate() -> impl IntoView {
    let live = expect_context::<Live>();
    view! {
        <span class="rate" title="Answers a second, over the last 5 seconds">{move || format::rate(live.meter.with(|meter| meter.rate()))}</span>
    }
}

#[component]
fn ConnectionMark() -> impl IntoView {
    let live = expect_context::<Live>();
    let words = move || match live.connection.get() {
        Connection::Connecting => ("connecting", "connecting", "The page is about to follow the server"),
        Connection::Open => ("open", "connected", "The page follows the server as it happens"),
        Connection::Lost => ("lost", "reconnecting", "The line to the server is down: what is shown is as old as that"),
    };
    view! {
        <span class="connection" role="status" data-connection=move || words().0 title=move || words().2>
            <span class="connection-word">{move || words().1}</span>
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn a_page_is_open_with_what_lies_below_it() {
        for (path, page, expected) in [
            ("/", "/", true),
            ("/admin/drift", "/", false),
            ("/admin/drift/3", "/admin/drift", true),
            ("/admin/drifts", "/admin/drift", false),
        ] {
            assert_eq!(is_in(path, page), expected, "{path} in {page}");
        }
    }
}
