//! `/admin/projects`: the projects of the data folder, and which of them is active.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Path, Query, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_http::services::ServeFile;
use understudy_types::{Project, Status};

use super::error::{ApiError, Whole};
use crate::listen::accepts_page;
use crate::projects::{ProjectError, Projects, Wish};

/// What SQLite registered for its files.
const FILE_TYPE: &str = "application/vnd.sqlite3";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProject {
    name: String,
    target: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    name: String,
}

/// Without a field what it says stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectChange {
    name: Option<String>,
    target: Option<String>,
}

pub(super) async fn list(State(projects): State<Arc<Projects>>) -> Result<Json<Vec<Project>>, ApiError> {
    Ok(Json(projects.list().await?))
}

pub(super) async fn one(
    State(projects): State<Arc<Projects>>,
    Path(name): Path<String>,
) -> Result<Json<Project>, ApiError> {
    find(&projects, &name).await.map(Json)
}

pub(super) async fn create(
    State(projects): State<Arc<Projects>>,
    Whole(body): Whole,
) -> Result<(StatusCode, Json<Project>), ApiError> {
    let NewProject { name, target } = read(&body, "a project, such as {\"name\":\"shop\"}")?;
    created(&projects, projects.create(Wish { name, target }).await?).await
}

pub(super) async fn copy(
    State(projects): State<Arc<Projects>>,
    Path(from): Path<String>,
    Whole(body): Whole,
) -> Result<(StatusCode, Json<Project>), ApiError> {
    let Name { name } = read(&body, "a name, such as {\"name\":\"shop-2\"}")?;
    created(&projects, projects.copy(&from, &name).await?).await
}

/// The answer has the status of the project that is active then.
pub(super) async fn activate(
    State(projects): State<Arc<Projects>>,
    Path(name): Path<String>,
) -> Result<Json<Status>, ApiError> {
    projects.activate(&name).await?;
    Ok(Json(projects.current().status()))
}

pub(super) async fn change(
    State(projects): State<Arc<Projects>>,
    Path(name): Path<String>,
    Whole(body): Whole,
) -> Result<Json<Project>, ApiError> {
    let ProjectChange { name: other, target } = read(&body, "a change, such as {\"name\":\"store\"}")?;
    if let Some(target) = target {
        projects.set_target(&name, &target).await?;
    }
    let name = match other {
        Some(other) => projects.rename(&name, &other).await?,
        None => name,
    };
    find(&projects, &name).await.map(Json)
}

pub(super) async fn remove(
    State(projects): State<Arc<Projects>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    projects.remove(&name).await?;
    Ok(Json(json!({ "removed": name })))
}

/// Streams the file, which has no name any more by then.
pub(super) async fn export(
    State(projects): State<Arc<Projects>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let path = projects.export(&name).await?;
    let served = ServeFile::new(&path).try_call(request).await;
    let removed = std::fs::remove_file(&path);
    let mut response = served
        .and_then(|response| removed.map(|()| response))
        .map_err(|error| ApiError::Broken(format!("read the exported project: {error}")))?;
    let stem = name.strip_suffix(".db").unwrap_or(&name);
    let attachment = format!("attachment; filename=\"{stem}.db\"");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FILE_TYPE));
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::try_from(attachment).unwrap_or(HeaderValue::from_static("attachment")),
    );
    Ok(response.map(Body::new))
}

#[derive(Debug, Deserialize)]
pub(super) struct ImportQuery {
    name: Option<String>,
}

/// The body is the file, with `name` in the query; or a form with `name` and then `file`, as the page sends it.
pub(super) async fn import(
    State(projects): State<Arc<Projects>>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let navigates = accepts_page(request.headers());
    let field = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let name = if field.starts_with(b"multipart/form-data") {
        let form = Multipart::from_request(request, &()).await.map_err(|error| cut(error.body_text()))?;
        from_form(&projects, form).await?
    } else {
        let name = query.name.unwrap_or_default();
        projects.import(&name, request.into_body().into_data_stream()).await?
    };
    if navigates {
        return Ok(Redirect::to("/admin/projects").into_response());
    }
    Ok(created(&projects, name).await?.into_response())
}

async fn from_form(projects: &Projects, mut form: Multipart) -> Result<String, ApiError> {
    let mut name = String::new();
    while let Some(field) = form.next_field().await.map_err(|error| cut(error.body_text()))? {
        match field.name() {
            Some("name") => name = field.text().await.map_err(|error| cut(error.body_text()))?,
            Some("file") => return Ok(projects.import(&name, field).await?),
            _ => {}
        }
    }
    Err(cut("the form has no file".into()))
}

fn cut(reason: String) -> ApiError {
    ProjectError::Cut(reason).into()
}

async fn created(projects: &Projects, name: String) -> Result<(StatusCode, Json<Project>), ApiError> {
    Ok((StatusCode::CREATED, Json(find(projects, &name).await?)))
}

async fn find(projects: &Projects, name: &str) -> Result<Project, ApiError> {
    let all = projects.list().await?;
    let found = all.into_iter().find(|project| project.name == name || project.name.strip_suffix(".db") == Some(name));
    found.ok_or_else(|| ProjectError::Unknown(name.to_owned()).into())
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8], what: &'static str) -> Result<T, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(ApiError::NotJson)?;
    serde_json::from_value(value).map_err(|error| ApiError::NotThat { what, error })
}
