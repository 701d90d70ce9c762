//! What a plugin author depends on.
//!
//! Implement the trait of a hook, export the type with the hook's macro, build the crate as a `cdylib` for
//! `wasm32-unknown-unknown`, and put the file into Understudy's plugin folder:
//!
//! ```
//! use understudy_plugin_sdk::{Normalizer, export_normalizer};
//!
//! struct Shops;
//!
//! impl Normalizer for Shops {
//!     fn normalize(_method: String, mut segments: Vec<String>) -> Option<Vec<String>> {
//!         if segments.first()? != "shops" {
//!             return None;
//!         }
//!         *segments.get_mut(1)? = "{shop}".to_owned();
//!         Some(segments)
//!     }
//! }
//!
//! export_normalizer!(Shops);
//! # fn main() {}
//! ```
//!
//! Outside WebAssembly the macros export nothing, so that a plugin's own logic can be tested with plain `cargo test`.

mod bindings;
mod host;

#[doc(hidden)]
pub mod export;

pub use bindings::chaos_policy::exports::understudy::plugin::chaos_policy::{Abort, Fault, Request as ChaosRequest};
pub use bindings::drift_policy::exports::understudy::plugin::drift_policy::{Finding, Severity, Verdict};
pub use bindings::generator::exports::understudy::plugin::generator::Field;
pub use bindings::redactor::exports::understudy::plugin::redactor::{Message, Side, Text};
pub use bindings::responder::exports::understudy::plugin::responder::{Interest, Request, Response};
pub use host::{Level, config, log};

/// Says which segments of a path are parameters.
pub trait Normalizer {
    /// `segments` are the parts of the path between the slashes. The answer has as many: `{name}` where a parameter is,
    /// and the segment unchanged where Understudy shall find out by itself. `None` is "no opinion".
    fn normalize(method: String, segments: Vec<String>) -> Option<Vec<String>>;
}

/// Makes values that the twin would otherwise draw.
pub trait Generator {
    /// The value as JSON text (a string has its quotes). `None` is "no opinion". Draw from `field.seed`: the same question must
    /// always get the same answer.
    fn generate(field: Field) -> Option<String>;
}

/// Makes requests fail on purpose.
pub trait ChaosPolicy {
    /// Whether requests of this method and path may get a fault at all; the answer is kept.
    fn concerns(_method: String, _path: String) -> bool {
        true
    }

    /// The fault for this request. `None` is "no fault".
    fn decide(request: ChaosRequest) -> Option<Fault>;
}

/// Finds what must not be kept.
pub trait Redactor {
    /// The indices of those of `message.texts` that must not be kept.
    fn redact(message: Message) -> Vec<u32>;
}

/// Has a say in what the watchdog reports.
pub trait DriftPolicy {
    /// `None` is "no opinion".
    fn judge(finding: Finding) -> Option<Verdict>;
}

/// Answers requests itself, or changes what is answered.
pub trait Responder {
    /// Which of the two functions below are to be called for a method and path; the answer is kept.
    fn concerns(method: String, path: String) -> Interest;

    /// The answer in everyone's place. `None` is "no opinion".
    fn on_request(_request: Request) -> Option<Response> {
        None
    }

    /// What goes out instead of `response`. `None` leaves it as it is. `request` comes without its body.
    fn on_response(_request: Request, _response: Response) -> Option<Response> {
        None
    }
}
