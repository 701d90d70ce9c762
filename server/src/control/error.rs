//! The one place where an error of the admin API becomes a response.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use understudy_policy::chaos::Wrong;
use understudy_types::{ErrorBody, ErrorDetail};

use crate::chaos::ChaosError;
use crate::learner::edit::EditError;
use crate::learner::import::DocumentError;
use crate::outbox::ReplayError;
use crate::plugins::SwitchError;
use crate::projects::ProjectError;
use crate::store::StoreError;
use crate::twin::LoadError;

/// Everything the admin API refuses, in one envelope.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("nothing is at {0}")]
    UnknownPath(String),
    #[error("{method} does not fit {path}")]
    WrongMethod { method: Method, path: String },
    #[error("no endpoint has the id {0:?}")]
    UnknownEndpoint(String),
    #[error("no alert has the id {0:?}")]
    UnknownAlert(String),
    #[error("the baselines have no version {0}")]
    UnknownVersion(String),
    #[error("no exchange has the id {0}, or it is no longer remembered")]
    UnknownExchange(u64),
    #[error("the body is too long: a document may have {} MiB, anything else 2 MiB", super::twin::DOCUMENT_MAX_BYTES >> 20)]
    TooLong,
    #[error("the body broke off: {0}")]
    Unread(String),
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("{0}")]
    NotARule(String),
    #[error("{0}")]
    Edit(#[from] EditError),
    #[error("{field} is {given}: expected one of {}", allowed.join(", "))]
    NotAllowed { field: &'static str, given: Value, allowed: &'static [&'static str] },
    #[error("the body is not {what}: {error}")]
    NotThat { what: &'static str, error: serde_json::Error },
    #[error("{name} is {given}: expected {expected}")]
    Unfit { name: &'static str, given: Value, expected: &'static str },
    #[error("the twin has no collection {0:?}")]
    UnknownCollection(String),
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("failed to {0}")]
    Document(#[from] DocumentError),
    #[error("failed to do it: {0}")]
    Broken(String),
    #[error("{name} is {given:?}: expected {expected}")]
    BadParameter { name: &'static str, given: String, expected: &'static str },
    #[error("the host {0:?} is not one of this server's names; ADMIN_HOSTS can add it")]
    ForeignHost(String),
    #[error("a page of another site must not do this")]
    ForeignOrigin,
    #[error("a token is needed: send it as `Authorization: Bearer …`, or open the dashboard once with `?token=…`")]
    NoToken,
    #[error("the token is not the right one")]
    WrongToken,
    #[error("too many wrong tokens came from this address: try again in {} s", .0.as_secs())]
    TooManyGuesses(std::time::Duration),
    #[error("with this token one may look, and not change anything: ADMIN_TOKEN is the one that may")]
    ViewerOnly,
    #[error("{0}")]
    Chaos(#[from] ChaosError),
    #[error("{0}")]
    Project(#[from] ProjectError),
    #[error("{} is {given}: {error}", if field == "." { "the body" } else { field })]
    Misplaced { field: String, given: Value, error: String },
    #[error("{0}")]
    Switch(#[from] SwitchError),
    #[error("{0}")]
    Replay(#[from] ReplayError),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
}

/// A body as it came, within the limit of its route.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = ApiError;

    async fn from_request(req: Request, state: &S) -> Result<Self, ApiError> {
        let read = Bytes::from_request(req, state).await;
        read.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLong,
            _ => ApiError::Unread(rejection.body_text()),
        })
    }
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPath(_)
            | Self::UnknownEndpoint(_)
            | Self::UnknownAlert(_)
            | Self::UnknownVersion(_)
            | Self::UnknownExchange(_)
            | Self::UnknownCollection(_)
            | Self::Chaos(
                ChaosError::UnknownRule(_) | ChaosError::UnknownPreset(_) | ChaosError::UnknownExperiment(_),
            )
            | Self::Switch(SwitchError::Unknown(_))
            | Self::Load(LoadError::Unknown(_)) => StatusCode::NOT_FOUND,
            Self::Project(error) => project_error(error).0,
            Self::Chaos(ChaosError::Wrong(_)) | Self::Misplaced { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Chaos(ChaosError::Running(_)) => StatusCode::CONFLICT,
            Self::Chaos(ChaosError::Store(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotThat { .. } | Self::Unfit { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Document(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Load(_) | Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson(_) | Self::BadParameter { .. } | Self::Unread(_) => StatusCode::BAD_REQUEST,
            Self::NotAllowed { .. } | Self::NotARule(_) | Self::Edit(EditError::Rule(_)) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Edit(EditError::Unknown(_)) => StatusCode::NOT_FOUND,
            Self::Edit(EditError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignHost(_) | Self::ForeignOrigin | Self::ViewerOnly => StatusCode::FORBIDDEN,
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Replay(error) => replay_status(error),
            Self::Store(_) | Self::Switch(SwitchError::Store(_)) | Self::Edit(EditError::Store(_)) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::UnknownPath(_) => "unknown_path",
            Self::WrongMethod { .. } => "wrong_method",
            Self::UnknownEndpoint(_) => "unknown_endpoint",
            Self::UnknownAlert(_) => "unknown_alert",
            Self::UnknownVersion(_) => "unknown_version",
            Self::Project(error) => project_error(error).1,
            Self::Chaos(ChaosError::Wrong(_)) | Self::Misplaced { .. } => "bad_chaos",
            Self::Chaos(ChaosError::UnknownRule(_)) => "unknown_rule",
            Self::Chaos(ChaosError::UnknownPreset(_)) => "unknown_preset",
            Self::Chaos(ChaosError::UnknownExperiment(_)) => "unknown_experiment",
            Self::Chaos(ChaosError::Running(_)) => "experiment_running",
            Self::Chaos(ChaosError::Store(_)) => "store_failed",
            Self::Switch(SwitchError::Unknown(_)) => "unknown_plugin",
            Self::UnknownExchange(_) => "unknown_exchange",
            Self::TooLong => "too_large",
            Self::Unread(_) => "cut_off",
            Self::NotJson(_) => "not_json",
            Self::NotThat { .. } | Self::Unfit { .. } => "unfit",
            Self::UnknownCollection(_) => "unknown_collection",
            Self::Load(LoadError::Unknown(_)) => "unknown_save",
            Self::Load(_) => "load_failed",
            Self::Document(_) => "bad_document",
            Self::Broken(_) => "broken",
            Self::NotAllowed { .. } => "not_allowed",
            Self::NotARule(_) | Self::Edit(EditError::Rule(_)) => "bad_rule",
            Self::Edit(EditError::Unknown(_)) => "unknown_rule",
            Self::Edit(EditError::Busy) => "learner_busy",
            Self::BadParameter { .. } => "bad_parameter",
            Self::ForeignHost(_) => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
            Self::TooManyGuesses(_) => "too_many_guesses",
            Self::ViewerOnly => "viewer_only",
            Self::Replay(error) => replay_code(error),
            Self::Store(_) | Self::Switch(SwitchError::Store(_)) | Self::Edit(EditError::Store(_)) => "store_failed",
        }
    }

    /// What goes into the envelope.
    pub(super) fn detail(&self) -> ErrorDetail {
        ErrorDetail { code: self.code().into(), message: self.to_string(), details: self.details() }
    }

    fn details(&self) -> Value {
        match self {
            Self::NotAllowed { field, given, allowed } => json!({ "field": field, "given": given, "allowed": allowed }),
            Self::Replay(ReplayError::Needs { id, needs }) => json!({ "id": id, "needs": needs }),
            Self::Replay(ReplayError::MayBeProcessed { id }) => json!({ "id": id }),
            Self::Unfit { name, given, expected } => json!({ "name": name, "given": given, "expected": expected }),
            Self::Misplaced { field, given, error } => {
                // The reader's own words say what may stand there.
                let expected = error.split_once("expected ").map_or(error.as_str(), |(_, expected)| expected);
                json!([{ "field": field, "given": given, "expected": expected }])
            }
            Self::Chaos(ChaosError::Wrong(mistakes)) => {
                let one =
                    |wrong: &Wrong| json!({ "field": wrong.field, "given": wrong.given, "expected": wrong.expected });
                mistakes.iter().map(one).collect()
            }
            _ => Value::Null,
        }
    }
}

const fn project_error(error: &ProjectError) -> (StatusCode, &'static str) {
    match error {
        ProjectError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_project"),
        ProjectError::Taken(_) => (StatusCode::CONFLICT, "name_taken"),
        ProjectError::Active(_) => (StatusCode::CONFLICT, "project_active"),
        ProjectError::Unfit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "bad_project"),
        ProjectError::NotAProject(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_a_project"),
        ProjectError::Unusable { .. } => (StatusCode::CONFLICT, "project_unusable"),
        ProjectError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        ProjectError::Cut(_) => (StatusCode::BAD_REQUEST, "cut_off"),
        ProjectError::Learner(_) => (StatusCode::SERVICE_UNAVAILABLE, "learner_busy"),
        ProjectError::File(..) | ProjectError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "store_failed"),
    }
}

fn replay_status(error: &ReplayError) -> StatusCode {
    match error {
        ReplayError::Unknown(_) => StatusCode::NOT_FOUND,
        ReplayError::Done(_) | ReplayError::Busy | ReplayError::MayBeProcessed { .. } | ReplayError::Needs { .. } => {
            StatusCode::CONFLICT
        }
        ReplayError::Malformed { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ReplayError::Upstream { .. } => StatusCode::BAD_GATEWAY,
        ReplayError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        ReplayError::Store(_) | ReplayError::Ended => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

const fn replay_code(error: &ReplayError) -> &'static str {
    match error {
        ReplayError::Unknown(_) => "unknown_entry",
        ReplayError::Done(_) => "already_replayed",
        ReplayError::Busy => "replay_running",
        ReplayError::MayBeProcessed { .. } => "may_be_processed",
        ReplayError::Needs { .. } => "credentials_needed",
        ReplayError::Malformed { .. } => "malformed",
        ReplayError::Upstream { .. } | ReplayError::TimedOut { .. } => "upstream_failed",
        ReplayError::Store(_) | ReplayError::Ended => "store_failed",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "answer an admin request");
        }
        let mut response = (status, Json(ErrorBody { error: self.detail() })).into_response();
        if let Self::TooManyGuesses(wait) = self {
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, wait.as_secs().into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

pub(super) async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::UnknownPath(uri.path().to_owned())
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::WrongMethod { method, path: uri.path().to_owned() }
}
