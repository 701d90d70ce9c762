//! Answers `GET /ping` by itself.

use understudy_plugin_sdk::{Interest, Request, Responder, Response, export_responder};

struct Plugin;

impl Responder for Plugin {
    fn concerns(method: String, path: String) -> Interest {
        if method == "GET" && path == "/ping" { Interest::REQUEST } else { Interest::empty() }
    }

    fn on_request(_request: Request) -> Option<Response> {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Some(Response { status: 200, headers, body: b"pong".to_vec() })
    }
}

export_responder!(Plugin);
