//! Wants every `GET` and never answers one.

use understudy_plugin_sdk::{Interest, Request, Responder, Response, export_responder};

struct Endless;

impl Responder for Endless {
    fn concerns(method: String, _path: String) -> Interest {
        if method == "GET" { Interest::REQUEST } else { Interest::empty() }
    }

    fn on_request(_request: Request) -> Option<Response> {
        loop {
            std::hint::spin_loop();
        }
    }
}

export_responder!(Endless);
