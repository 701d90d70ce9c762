//! Every route of the admin API, once: the router is made of this table, and so is the list that tests go through.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::MethodRouter;

use super::{
    Control, api, audit, chaos, drift, export, fidelity, live, metrics, outbox, plugins, projects, rules, settings,
    traffic, twin,
};

/// `path (a layer of its own) => method handler, …;`
macro_rules! routes {
    ($($path:literal $(($layer:expr))? => $($method:ident $handler:path),+;)+) => {
        /// The path of each route of the admin API, as axum writes it, with its methods in lower case.
        pub const ROUTES: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),+];

        pub(super) fn routes() -> Router<Control> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($handler))+$(.layer($layer))?))+
        }
    };
}

routes! {
    "/admin/status" => get api::status;
    "/admin/mode" => put api::set_mode;
    "/admin/endpoints" => get api::endpoints;
    "/admin/endpoints/{id}" => get api::endpoint, patch twin::change_endpoint, delete rules::hide_endpoint;
    "/admin/rules" => get rules::list, post rules::add;
    "/admin/rules/{id}" => delete rules::remove;
    "/admin/openapi.json" => get api::openapi;
    "/admin/openapi.yaml" => get api::openapi_yaml;
    "/admin/traffic" => get traffic::page;
    "/admin/traffic.har" => get traffic::recording;
    "/admin/drift-alerts" => get drift::alerts;
    "/admin/drift-alerts/{id}" => get drift::alert;
    "/admin/drift-alerts/{id}/resolve" => post drift::resolve;
    "/admin/endpoints/{id}/drift-stats" => get drift::stats;
    "/admin/audit" => get audit::list;
    "/admin/baselines" => get drift::baselines;
    "/admin/baselines/changelog" => get drift::changelog;
    "/admin/baselines/freeze" => post drift::freeze;
    "/admin/baselines/relearn" => post drift::relearn;
    "/admin/consumers" => get drift::consumers, put drift::set_consumers;
    "/admin/webhooks" => get drift::webhooks, put drift::set_webhooks;
    "/admin/webhooks/test" => post drift::test_webhooks;
    "/admin/traffic/{id}" => get traffic::exchange;
    "/admin/fidelity" => get fidelity::get, delete fidelity::clear;
    "/admin/outbox" => get outbox::list, delete outbox::drop_all;
    "/admin/outbox/replay" => post outbox::replay_all;
    "/admin/outbox/{id}" => get outbox::get, delete outbox::drop_one;
    "/admin/outbox/{id}/replay" => post outbox::replay;
    "/admin/chaos" => get chaos::view, put chaos::change;
    "/admin/chaos/halt" => post chaos::halt;
    "/admin/chaos/rules" => get chaos::rules, post chaos::add_rule;
    "/admin/chaos/rules/{id}" => get chaos::rule, put chaos::replace_rule, patch chaos::enable_rule, delete chaos::remove_rule;
    "/admin/chaos/preview" => post chaos::preview;
    "/admin/chaos/presets" => get chaos::presets;
    "/admin/chaos/presets/{name}" => post chaos::start_preset;
    "/admin/chaos/experiments" => get chaos::experiments, post chaos::start_experiment;
    "/admin/chaos/experiments/{id}" => get chaos::experiment, delete chaos::remove_experiment;
    "/admin/chaos/report" => get chaos::report;
    "/admin/chaos/clients" => get chaos::clients;
    "/admin/plugins" => get plugins::list;
    "/admin/plugins/reload" => post plugins::reload;
    "/admin/plugins/{id}" => patch plugins::change;
    "/admin/endpoints/{id}/examples" => get twin::examples;
    "/admin/export" => get export::formats;
    "/admin/export/{format}" => get export::export;
    "/admin/import" (DefaultBodyLimit::max(twin::DOCUMENT_MAX_BYTES)) => post twin::import;
    "/admin/twin/state" => get twin::state;
    "/admin/twin/state/{collection}/{key}" => put twin::put_row, delete twin::remove_row;
    "/admin/twin/reset" => post twin::reset;
    "/admin/twin/save" => post twin::save;
    "/admin/twin/load" => post twin::load;
    "/admin/twin/saves" => get twin::saves;
    "/admin/twin/saves/{name}" => delete twin::remove_save;
    "/admin/redaction" => get settings::redaction, put settings::set_redaction;
    "/admin/redaction/try" => post settings::try_redaction;
    "/admin/twin/settings" => get twin::settings, put twin::set_settings;
    "/admin/twin/overrides" => get twin::overrides;
    "/admin/twin/overrides/{id}" => delete twin::remove_override;
    "/admin/metrics" => get metrics::get;
    "/admin/projects" => get projects::list, post projects::create;
    "/admin/projects/import" (DefaultBodyLimit::disable()) => post projects::import;
    "/admin/projects/{name}" => get projects::one, patch projects::change, delete projects::remove;
    "/admin/projects/{name}/activate" => post projects::activate;
    "/admin/projects/{name}/copy" => post projects::copy;
    "/admin/projects/{name}/export" => get projects::export;
    "/admin/healthz" => get api::alive;
    "/admin/readyz" => get api::alive;
    "/admin/ws" => get live::connect;
}
