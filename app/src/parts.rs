//! Parts of screens that the server draws and the page only shows: lists, details, forms. They need no code in the
//! browser, so a screen costs it nothing, and they are the same without a script.
//!
//! [`Part`] names what is wanted, [`load_part`] draws it. Forms in a part post to server functions like any form; the
//! page sends them itself and reads the part again (`acts`).

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

/// What is to be drawn, with everything that chooses what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the top bar says.
    Top,
    Deck,
    /// The list of endpoints, narrowed by words, and which of them is open.
    Endpoints {
        filter: String,
        open: String,
    },
    /// One endpoint, with what a person asks to see before it is done.
    Endpoint {
        id: String,
        wish: String,
    },
    /// Alerts, and the versions of the baselines; `since` is the version whose changes are shown.
    Alerts {
        all: bool,
        open: String,
        since: String,
    },
    Alert {
        id: String,
    },
    Exchange {
        id: u64,
    },
    Twin {
        collection: String,
        after: String,
    },
    /// Swagger UI, with who answers what is tried out, and which version of the document.
    Docs {
        source: String,
        version: String,
    },
    Plugins,
    Projects,
    Chaos,
    Settings,
    /// What redaction leaves of a text.
    Redacted {
        text: String,
    },
    /// Two answers to one request, side by side.
    Difference {
        twin: Heard,
        api: Heard,
    },
}

/// An answer as the page heard it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub status: u16,
    pub text: String,
}

/// A part as markup. Everything recorded in it is escaped text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// What the window is called while it is shown; empty where it has no say.
    pub title: String,
    pub html: String,
    /// What was asked for is not there; the markup says so.
    pub missing: bool,
}

#[server(prefix = "/admin/fn", endpoint = "part", input = Json)]
pub async fn load_part(part: Part) -> Result<Drawn, ServerFnError> {
    crate::pages::draw(part).await
}

#[cfg(feature = "ssr")]
pub use desk::Desk;

#[cfg(feature = "ssr")]
mod desk {
    use leptos::prelude::*;
    use understudy_types::ErrorDetail;

    use super::Drawn;
    use crate::backend::{self, SharedBackend};

    /// What whoever draws a part has at hand.
    #[derive(Clone)]
    pub struct Desk {
        pub backend: SharedBackend,
        /// By the server's clock; the page keeps relative times up.
        pub now_ms: u64,
        /// What the app's base URL has to be.
        pub api_url: String,
    }

    impl Desk {
        pub fn open() -> Result<Self, ServerFnError> {
            let backend = backend::backend()?;
            let api_url = backend.api_url().unwrap_or_else(backend::own_url);
            Ok(Self { backend, now_ms: backend::now_ms(), api_url })
        }
    }

    impl Drawn {
        pub(crate) fn new(title: impl Into<String>, view: AnyView) -> Self {
            Self { title: title.into(), html: view.to_html(), missing: false }
        }

        pub(crate) fn missing(view: AnyView) -> Self {
            Self { missing: true, ..Self::new("Not found", view) }
        }
    }

    pub(crate) fn refused(error: ErrorDetail) -> ServerFnError {
        ServerFnError::new(error.message)
    }
}

#[cfg(feature = "ssr")]
pub(crate) use desk::refused;
