//! Mounts the dashboard: rendered pages, their server functions, and the files that cargo-leptos built.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use serde_json::{Map, Value};
use tower::ServiceExt;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use understudy_app::backend::{Backend, ChaosChange, Later, OutboxChange, ProjectChange, SettingsView, SharedBackend};
use understudy_app::{App, shell};
use understudy_types::{
    Baselines, Changelog, ChaosTouch, ChaosView, DriftAlert, DriftAlerts, EndpointDetail, EndpointSummary, ErrorDetail,
    ExchangeDetail, Mode, OutboxEntry, Override, PluginInfo, Project, Redaction, Spread, Status, TemplateMove,
    TemplateRule, TrafficRow, TwinEntity, TwinExample, TwinLink, TwinSave, TwinSettings, TwinState, Webhook,
};

use super::error::{ApiError, unknown_path};
use super::{chaos, settings};
use crate::handles::Handles;
use crate::listen::accepts_page;
use crate::projects::Projects;

/// Read when the server is started on its own; under cargo-leptos the environment says it all.
const OPTIONS_FILE: &str = "Leptos.toml";
const OUTPUT_NAME: &str = "understudy";
const PACKAGE_DIR: &str = "admin/pkg";
/// Rows of one of the twin's collections on a page.
const TWIN_ROWS: usize = 50;
/// Alerts that the page lists.
const ALERTS: usize = 200;
const SITE_ROOT: &str = "target/site";

/// What a file of ours may do when it is opened as a page.
const FILE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Pages whose address is also one of the admin API.
const SHARED: [&str; 4] = ["/admin/chaos", "/admin/plugins", "/admin/projects", "/admin/traffic"];

/// Gives browsers that navigate the page and everybody else the data, where both have the same address.
pub(super) async fn page_or_data(State(pages): State<Router>, req: Request, next: Next) -> Response {
    if SHARED.contains(&req.uri().path()) && req.method() == Method::GET && accepts_page(req.headers()) {
        return pages.oneshot(req).await.into_response();
    }
    next.run(req).await
}

/// Pages, server functions and files; what is none of them is answered in the error envelope. Second, for [`page_or_data`],
/// the pages that share their address.
pub(super) fn router(projects: &Arc<Projects>) -> (Router, Router) {
    let options = options();
    let mut files = ServeDir::new(&*options.site_root).append_index_html_on_directories(false);
    if are_current(&package(&options)) {
        files = files.precompressed_br().precompressed_gzip();
    }
    let files = files.call_fallback_on_method_not_allowed(true).fallback(axum::routing::any(unknown_path));
    let projects = Arc::clone(projects);
    // Of one project from beginning to end, whichever is active meanwhile.
    let context = move || {
        let backend: SharedBackend = Arc::new(Deck(projects.current(), Arc::clone(&projects)));
        provide_context(backend);
    };
    let document = {
        let options = options.clone();
        let pkg = package(&options);
        move || shell(options.clone(), build(&pkg))
    };
    // What has no build in its address may be another one tomorrow, so a browser has to ask.
    let revalidate =
        SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Swagger UI stands in a frame of the page, and nothing else of ours frames anything.
    let policy =
        SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_POLICY));
    let files = tower::Layer::layer(&policy, files);
    let files = Router::new().fallback_service(files).layer(from_fn_with_state(package(&options), keep_for_good));
    let (shared, own) = generate_route_list(App).into_iter().partition(|route| SHARED.contains(&route.path()));
    let pages = |routes| {
        Router::new()
            .leptos_routes_with_context(&options, routes, context.clone(), document.clone())
            .with_state(options.clone())
    };
    (pages(own).fallback_service(files).layer(revalidate.clone()), pages(shared).layer(revalidate))
}

/// From `Leptos.toml` or the environment; without either, what the build uses.
fn options() -> LeptosOptions {
    let file = Path::new(OPTIONS_FILE).exists().then_some(OPTIONS_FILE);
    let read = leptos::config::get_configuration(file).map(|read| read.leptos_options);
    let mut options = read.ok().filter(|options| !options.output_name.is_empty()).unwrap_or_else(|| {
        LeptosOptions::builder().output_name(OUTPUT_NAME).site_root(SITE_ROOT).site_pkg_dir(PACKAGE_DIR).build()
    });
    // What Leptos takes when nobody says otherwise is the working directory, which may hold anything.
    if matches!(&*options.site_root, "" | ".") {
        options.site_root = SITE_ROOT.into();
    }
    if !Path::new(&*options.site_root).is_dir()
        && let Some(found) = beside_executable()
    {
        options.site_root = found.to_string_lossy().into();
    }
    options
}

fn package(options: &LeptosOptions) -> PathBuf {
    Path::new(&*options.site_root).join(&*options.site_pkg_dir)
}

/// Another text for each build of the page's files.
fn build(package: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    for ending in ["css", "js", "wasm"] {
        let file = package.join(OUTPUT_NAME).with_extension(ending);
        let modified = file.metadata().and_then(|file| Ok((file.len(), file.modified()?)));
        hasher.update(format!("{modified:?}").as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// A file that was asked for by its build never changes.
async fn keep_for_good(State(package): State<PathBuf>, req: Request, next: Next) -> Response {
    let version = req.uri().query().and_then(|query| query.strip_prefix("v=")).map(str::to_owned);
    let is_packed = req.uri().path().strip_prefix('/').is_some_and(|path| path.starts_with(PACKAGE_DIR));
    let mut response = next.run(req).await;
    let is_current =
        is_packed && response.status().is_success() && version.is_some_and(|version| version == build(&package));
    if is_current {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, forever);
    }
    response
}

/// A build that compresses nothing leaves what an earlier one compressed beside newer files.
fn are_current(dir: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let Ok(entries) = dir.read_dir() else { return true };
    entries.flatten().map(|entry| entry.path()).all(|path| {
        let is_compressed = path.extension().is_some_and(|ending| ending == "br" || ending == "gz");
        !is_compressed || modified(&path) >= modified(&path.with_extension(""))
    })
}

/// `site` beside the program or one folder up, as it lies in a build folder.
fn beside_executable() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().skip(1).take(2).map(|dir| dir.join("site")).find(|site| site.is_dir())
}

/// The server, as the dashboard sees it: the active project, and all of them.
struct Deck(Arc<Handles>, Arc<Projects>);

impl Backend for Deck {
    fn status(&self) -> Status {
        self.0.status()
    }

    fn set_mode(&self, mode: Mode) -> Pin<Box<dyn Future<Output = Result<Status, ErrorDetail>> + Send + '_>> {
        Box::pin(async move {
            self.0.set_mode(mode).await.map_err(|error| ApiError::from(error).detail())?;
            Ok(self.0.status())
        })
    }

    fn endpoints(&self) -> Vec<EndpointSummary> {
        super::api::summaries(&self.0)
    }

    fn endpoint(&self, id: &str) -> Option<EndpointDetail> {
        super::twin::detail(&self.0, id)
    }

    fn examples(&self, id: &str) -> Vec<TwinExample> {
        super::twin::examples_of(&self.0, id).unwrap_or_default()
    }

    fn spreads(&self, id: &str, status: u16) -> BTreeMap<String, Spread> {
        super::spread::spreads(&self.0, id, status)
    }

    fn set_override(&self, id: String, wanted: Option<Override>) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move { super::twin::keep_override(&self.0, &id, wanted).await.map_err(|error| error.detail()) })
    }

    fn change_template(
        &self,
        id: String,
        patch: Value,
        preview: bool,
    ) -> Later<'_, Result<Vec<TemplateMove>, ErrorDetail>> {
        Box::pin(
            async move { super::rules::change_by(&self.0, &id, patch, preview).await.map_err(|error| error.detail()) },
        )
    }

    fn rules(&self) -> Vec<TemplateRule> {
        super::rules::in_words(&self.0)
    }

    fn take_back(&self, rule: u64) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move { super::rules::take_back(&self.0, rule).await.map_err(|error| error.detail()) })
    }

    fn links(&self) -> Vec<TwinLink> {
        super::links::links(&self.0)
    }

    fn plugins(&self) -> Vec<PluginInfo> {
        self.0.plugin_list()
    }

    fn switch_plugin(&self, id: String, enabled: bool) -> Later<'_, Result<Vec<PluginInfo>, ErrorDetail>> {
        Box::pin(async move {
            self.0.switch_plugin(&id, enabled).await.map_err(|error| ApiError::from(error).detail())?;
            Ok(self.0.plugin_list())
        })
    }

    fn reload_plugins(&self) -> Later<'_, Vec<PluginInfo>> {
        Box::pin(async move {
            self.0.reload_plugins().await;
            self.0.plugin_list()
        })
    }

    fn recent(&self, limit: usize) -> Vec<TrafficRow> {
        self.0.traffic.page(None, limit, |_| true)
    }

    fn traffic(&self, limit: usize, wanted: &dyn Fn(&TrafficRow) -> bool) -> Vec<TrafficRow> {
        self.0.traffic.page(None, limit, wanted)
    }

    fn exchange(&self, id: u64) -> Later<'_, Result<Option<ExchangeDetail>, ErrorDetail>> {
        Box::pin(async move { super::traffic::detail(&self.0, id).await.map_err(|error| error.detail()) })
    }

    fn twin_state(&self) -> TwinState {
        super::twin::collections(&self.0)
    }

    fn twin_rows(&self, collection: &str, cursor: Option<&str>) -> Option<(Vec<TwinEntity>, Option<String>)> {
        super::twin::entities(&self.0, collection, cursor, TWIN_ROWS)
    }

    fn twin_saves(&self) -> Later<'_, Result<Vec<TwinSave>, ErrorDetail>> {
        Box::pin(async move { self.0.store.twin_saves().await.map_err(|error| ApiError::from(error).detail()) })
    }

    fn change_twin(&self, action: String, name: String) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move { super::twin::change(&self.0, &action, name).await.map_err(|error| error.detail()) })
    }

    fn edit_twin(&self, collection: &str, key: &str, fields: Option<Map<String, Value>>) -> Result<(), ErrorDetail> {
        super::twin::edit(&self.0, collection, key, fields).map_err(|error| error.detail())
    }

    fn settings(&self) -> SettingsView {
        SettingsView {
            twin: self.0.snapshot.load().twin.settings.clone(),
            redaction: settings::rules(&self.0),
            webhooks: super::drift::without_secrets(self.0.watchdog.webhooks.list()),
            has_token: settings::has_token(&self.0.config),
            limits: settings::limits(&self.0.config),
        }
    }

    fn outbox(&self) -> Vec<OutboxEntry> {
        super::outbox::entries(&self.0)
    }

    fn change_outbox(&self, change: OutboxChange) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(super::outbox::apply(&self.0, change))
    }

    fn set_twin(&self, wanted: TwinSettings) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(
            async move { super::twin::keep_settings(&self.0, wanted).await.map(drop).map_err(|error| error.detail()) },
        )
    }

    fn set_webhooks(&self, webhooks: Vec<Webhook>) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move {
            super::drift::keep_webhooks(&self.0, webhooks).await.map(drop).map_err(|error| error.detail())
        })
    }

    fn set_redaction(&self, rules: Redaction) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(
            async move { settings::keep_redaction(&self.0, rules).await.map(drop).map_err(|error| error.detail()) },
        )
    }

    fn redacted(&self, text: String) -> Result<String, ErrorDetail> {
        settings::redacted(&self.0, text).map_err(|error| error.detail())
    }

    fn drift_alerts(&self, unresolved_only: bool) -> DriftAlerts {
        super::drift::page(&self.0, ALERTS, |alert| !unresolved_only || alert.unresolved)
    }

    fn drift_alert(&self, id: u64) -> Option<DriftAlert> {
        self.0.watchdog.lock().alert(id).map(crate::watchdog::present::alert)
    }

    fn decide(&self, id: u64, action: String, reason: Option<String>) -> Later<'_, Result<DriftAlert, ErrorDetail>> {
        Box::pin(async move {
            let action = super::drift::action(&action.into(), None).map_err(|error| error.detail())?;
            super::drift::decide(&self.0, id, &action, reason).await.map_err(|error| error.detail())
        })
    }

    fn baselines(&self) -> Baselines {
        super::drift::all_baselines(&self.0)
    }

    fn changelog(&self, from: &str) -> Result<Changelog, ErrorDetail> {
        super::drift::changes(&self.0, Some(from.to_owned()), None).map_err(|error| error.detail())
    }

    fn move_baselines(&self, action: String, id: Option<String>) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move {
            let moved = match action.as_str() {
                "freeze" => super::drift::freeze_now(&self.0, id).await,
                "relearn" => super::drift::relearn_now(&self.0, id).await,
                _ => {
                    Err(ApiError::NotAllowed { field: "action", given: action.into(), allowed: &["freeze", "relearn"] })
                }
            };
            moved.map(drop).map_err(|error| error.detail())
        })
    }

    fn fidelity(&self) -> Option<f64> {
        super::fidelity::of(&self.0).score
    }

    fn project_names(&self) -> Vec<String> {
        self.1.names()
    }

    fn projects(&self) -> Later<'_, Result<Vec<Project>, ErrorDetail>> {
        Box::pin(async move { self.1.list().await.map_err(|error| ApiError::from(error).detail()) })
    }

    fn change_project(&self, change: ProjectChange) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move { self.1.apply(change).await.map_err(|error| ApiError::from(error).detail()) })
    }

    fn chaos(&self) -> ChaosView {
        self.0.chaos.view()
    }

    fn chaos_touches(&self, rule: &Value) -> Vec<ChaosTouch> {
        chaos::preview_of(&self.0, rule.clone()).unwrap_or_default()
    }

    fn change_chaos(&self, change: ChaosChange) -> Later<'_, Result<(), ErrorDetail>> {
        Box::pin(async move { chaos::apply(&self.0, change).await.map_err(|error| error.detail()) })
    }

    /// Under one address the page's own is right, in the words of whoever opened it.
    fn api_url(&self) -> Option<String> {
        self.0.config.admin.map(|_| format!("http://{}", self.0.config.listen))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_build_is_told_by_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let before = build(dir.path());
        std::fs::write(dir.path().join("understudy.wasm"), "a").unwrap();
        let after = build(dir.path());
        assert_ne!(before, after);
        assert_eq!(build(dir.path()), after);
    }

    #[test]
    fn what_was_compressed_before_the_last_build_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let write =
            |name: &str, at| File::create(dir.path().join(name)).and_then(|file| file.set_modified(at)).unwrap();
        write("a.wasm", now);
        assert!(are_current(dir.path()));
        write("a.wasm.br", now + Duration::from_secs(1));
        assert!(are_current(dir.path()));
        write("a.wasm", now + Duration::from_secs(2));
        assert!(!are_current(dir.path()));
    }
}
