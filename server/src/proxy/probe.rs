//! Looks at upstream while the breaker is open, so that no client has to wait to find out that it is back.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Method, Request, header};
use tokio::sync::watch;
use understudy_policy::is_unwell;

use super::body::Outgoing;
use super::upstream::{Over, Upstream};
use crate::handles::Handles;
use crate::vitals::Part;

/// Both together stay well below the two seconds in which upstream's return shall be noticed.
const EVERY: Duration = Duration::from_millis(250);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Runs until the project is closed.
pub async fn run(handles: Arc<Handles>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        handles.store.vitals().suffer(Part::Probe);
        let upstream = handles.upstream.load_full();
        if upstream.health.is_open() && is_back(&upstream).await {
            upstream.health.wake();
        }
    }
}

/// HEAD for the base URL asks for nothing and changes nothing. Any answer will do, but one that says that upstream is not
/// well; an accepted connection alone proves nothing of an upstream that hangs.
async fn is_back(upstream: &Upstream) -> bool {
    let mut req = Request::new(Outgoing::Empty);
    *req.method_mut() = Method::HEAD;
    *req.uri_mut() = upstream.target.uri(&PathAndQuery::from_static("/")).unwrap_or_default();
    req.headers_mut().insert(header::HOST, upstream.target.host().clone());
    let answer = tokio::time::timeout(TIMEOUT, upstream.client.send(req, Over::New)).await;
    matches!(answer, Ok(Ok(response)) if !is_unwell(response.status().as_u16()))
}
