//! What the server says with a page beside its HTML: the content security policy, and the theme that was chosen.

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, COOKIE, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use crate::components::{RAIL_COOKIE, THEME_COOKIE};

/// Scripts of ours and none else: a learned API's text never becomes code in the page that shows it.
pub(crate) fn send(options: &LeptosOptions) {
    let (Some(response), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce()) else { return };
    // The page that cargo-leptos reloads listens on a port of its own.
    let reload = if std::env::var_os("LEPTOS_WATCH").is_some() {
        format!(" ws://127.0.0.1:{0} ws://localhost:{0}", options.reload_port)
    } else {
        String::new()
    };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'{reload}; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).expect("a nonce is base64")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    for (name, value) in headers {
        response.insert_header(name, value);
    }
}

/// What was asked for is not there, and a program should see that too.
pub(crate) fn not_found() {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::NOT_FOUND);
    }
}

/// `light`, `dark`, or none when the system decides.
pub(crate) fn chosen_theme() -> Option<&'static str> {
    chosen(THEME_COOKIE, &["light", "dark"])
}

/// `narrow` where the rail has icons only.
pub(crate) fn chosen_rail() -> Option<&'static str> {
    chosen(RAIL_COOKIE, &["narrow"])
}

fn chosen(cookie: &str, known: &[&'static str]) -> Option<&'static str> {
    let parts = use_context::<http::request::Parts>()?;
    let cookies = parts.headers.get(COOKIE)?.to_str().ok()?;
    choice_in(cookies, cookie, known)
}

fn choice_in(cookies: &str, cookie: &str, known: &[&'static str]) -> Option<&'static str> {
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    let chosen = pairs.into_iter().find(|(name, _)| *name == cookie)?.1;
    known.iter().copied().find(|choice| *choice == chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_themes_reach_the_page() {
        let theme_in = |cookies| choice_in(cookies, THEME_COOKIE, &["light", "dark"]);
        assert_eq!(theme_in("a=b; understudy_theme=dark"), Some("dark"));
        assert_eq!(theme_in("understudy_theme=light; a=b"), Some("light"));
        assert_eq!(theme_in("understudy_theme=\"><script>"), None);
        assert_eq!(theme_in("other=dark"), None);
    }
}
