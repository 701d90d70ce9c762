//! What is ours: the admin API, the live feed, the dashboard. Everything lies behind one guard.

mod api;
mod audit;
mod chaos;
mod dashboard;
mod drift;
mod error;
mod explain;
mod export;
mod fidelity;
mod guard;
mod links;
pub mod live;
mod metrics;
mod outbox;
mod plugins;
mod present;
mod projects;
mod routes;
mod rules;
mod settings;
mod spread;
mod traffic;
mod twin;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware;

use crate::handles::Handles;
use crate::projects::Projects;

use self::audit::Audit;
use self::guard::Guard;
pub use self::guard::TOKEN_COOKIE;
use self::live::Feed;
pub use self::routes::ROUTES;

/// State of all routes.
#[derive(Debug, Clone)]
pub struct Control {
    projects: Arc<Projects>,
    feed: Arc<Feed>,
    audit: Arc<Audit>,
}

impl FromRef<Control> for Arc<Handles> {
    fn from_ref(control: &Control) -> Self {
        control.projects.current()
    }
}

impl FromRef<Control> for Arc<Projects> {
    fn from_ref(control: &Control) -> Self {
        Arc::clone(&control.projects)
    }
}

impl FromRef<Control> for Arc<Feed> {
    fn from_ref(control: &Control) -> Self {
        Arc::clone(&control.feed)
    }
}

impl FromRef<Control> for Arc<Audit> {
    fn from_ref(control: &Control) -> Self {
        Arc::clone(&control.audit)
    }
}

/// The router, and the feed that [`live::run`] has to fill.
pub fn build(projects: &Arc<Projects>, address: SocketAddr) -> (Router, Arc<Feed>) {
    let feed = Arc::new(Feed::new());
    let audit = Arc::new(Audit::new(projects));
    let control = Control { projects: Arc::clone(projects), feed: Arc::clone(&feed), audit: Arc::clone(&audit) };
    let guard = Guard::new(projects.config(), address);
    let (pages, shared) = dashboard::router(projects);
    let router = routes::routes()
        .method_not_allowed_fallback(error::wrong_method)
        .with_state(control)
        .layer(middleware::from_fn_with_state(shared, dashboard::page_or_data))
        .merge(pages)
        .layer(middleware::from_fn_with_state(audit, audit::record))
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::check));
    (router, feed)
}
