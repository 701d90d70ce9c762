//! What is ours: the admin API, the live feed, the dashboard. Everything lies behind one guard.

mod api;
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
mod rules;
mod settings;
mod spread;
mod traffic;
mod twin;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware;
use axum::routing::{delete, get, patch, post, put};

use crate::handles::Handles;
use crate::projects::Projects;

use self::guard::Guard;
use self::live::Feed;

/// State of all routes.
#[derive(Debug, Clone)]
pub struct Control {
    projects: Arc<Projects>,
    feed: Arc<Feed>,
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

/// The router, and the feed that [`live::run`] has to fill.
pub fn build(projects: &Arc<Projects>, address: SocketAddr) -> (Router, Arc<Feed>) {
    let feed = Arc::new(Feed::new());
    let control = Control { projects: Arc::clone(projects), feed: Arc::clone(&feed) };
    let guard = Guard::new(projects.config(), address);
    let (pages, shared) = dashboard::router(projects);
    let router = Router::new()
        .route("/admin/status", get(api::status))
        .route("/admin/mode", put(api::set_mode))
        .route("/admin/endpoints", get(api::endpoints))
        .route("/admin/endpoints/{id}", get(api::endpoint).patch(twin::change_endpoint).delete(rules::hide_endpoint))
        .route("/admin/rules", get(rules::list).post(rules::add))
        .route("/admin/rules/{id}", delete(rules::remove))
        .route("/admin/openapi.json", get(api::openapi))
        .route("/admin/openapi.yaml", get(api::openapi_yaml))
        .route("/admin/traffic", get(traffic::page))
        .route("/admin/traffic.har", get(traffic::recording))
        .route("/admin/drift-alerts", get(drift::alerts))
        .route("/admin/drift-alerts/{id}", get(drift::alert))
        .route("/admin/drift-alerts/{id}/resolve", post(drift::resolve))
        .route("/admin/endpoints/{id}/drift-stats", get(drift::stats))
        .route("/admin/baselines", get(drift::baselines))
        .route("/admin/baselines/changelog", get(drift::changelog))
        .route("/admin/baselines/freeze", post(drift::freeze))
        .route("/admin/baselines/relearn", post(drift::relearn))
        .route("/admin/consumers", get(drift::consumers).put(drift::set_consumers))
        .route("/admin/webhooks", get(drift::webhooks).put(drift::set_webhooks))
        .route("/admin/webhooks/test", post(drift::test_webhooks))
        .route("/admin/traffic/{id}", get(traffic::exchange))
        .route("/admin/fidelity", get(fidelity::get).delete(fidelity::clear))
        .route("/admin/outbox", get(outbox::list).delete(outbox::drop_all))
        .route("/admin/outbox/replay", post(outbox::replay_all))
        .route("/admin/outbox/{id}", get(outbox::get).delete(outbox::drop_one))
        .route("/admin/outbox/{id}/replay", post(outbox::replay))
        .route("/admin/chaos", get(chaos::view).put(chaos::change))
        .route("/admin/chaos/halt", post(chaos::halt))
        .route("/admin/chaos/rules", get(chaos::rules).post(chaos::add_rule))
        .route(
            "/admin/chaos/rules/{id}",
            get(chaos::rule).put(chaos::replace_rule).patch(chaos::enable_rule).delete(chaos::remove_rule),
        )
        .route("/admin/chaos/preview", post(chaos::preview))
        .route("/admin/chaos/presets", get(chaos::presets))
        .route("/admin/chaos/presets/{name}", post(chaos::start_preset))
        .route("/admin/chaos/experiments", get(chaos::experiments).post(chaos::start_experiment))
        .route("/admin/chaos/experiments/{id}", get(chaos::experiment).delete(chaos::remove_experiment))
        .route("/admin/chaos/report", get(chaos::report))
        .route("/admin/chaos/clients", get(chaos::clients))
        .route("/admin/plugins", get(plugins::list))
        .route("/admin/plugins/reload", post(plugins::reload))
        .route("/admin/plugins/{id}", patch(plugins::change))
        .route("/admin/endpoints/{id}/examples", get(twin::examples))
        .route("/admin/export", get(export::formats))
        .route("/admin/export/{format}", get(export::export))
        .route("/admin/import", post(twin::import).layer(DefaultBodyLimit::max(twin::DOCUMENT_MAX_BYTES)))
        .route("/admin/twin/state", get(twin::state))
        .route("/admin/twin/state/{collection}/{key}", put(twin::put_row).delete(twin::remove_row))
        .route("/admin/twin/reset", post(twin::reset))
        .route("/admin/twin/save", post(twin::save))
        .route("/admin/twin/load", post(twin::load))
        .route("/admin/twin/saves", get(twin::saves))
        .route("/admin/twin/saves/{name}", delete(twin::remove_save))
        .route("/admin/redaction", get(settings::redaction).put(settings::set_redaction))
        .route("/admin/redaction/try", post(settings::try_redaction))
        .route("/admin/twin/settings", get(twin::settings).put(twin::set_settings))
        .route("/admin/twin/overrides", get(twin::overrides))
        .route("/admin/twin/overrides/{id}", delete(twin::remove_override))
        .route("/admin/metrics", get(metrics::get))
        .route("/admin/projects", get(projects::list).post(projects::create))
        .route("/admin/projects/import", post(projects::import).layer(DefaultBodyLimit::disable()))
        .route("/admin/projects/{name}", get(projects::one).patch(projects::change).delete(projects::remove))
        .route("/admin/projects/{name}/activate", post(projects::activate))
        .route("/admin/projects/{name}/copy", post(projects::copy))
        .route("/admin/projects/{name}/export", get(projects::export))
        .route("/admin/healthz", get(api::alive))
        .route("/admin/readyz", get(api::alive))
        .route("/admin/ws", get(live::connect))
        .method_not_allowed_fallback(error::wrong_method)
        .with_state(control)
        .layer(middleware::from_fn_with_state(shared, dashboard::page_or_data))
        .merge(pages)
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::check));
    (router, feed)
}
