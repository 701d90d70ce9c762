//! A small API to look at when there is no other: a library with books, members and loans, kept in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A page of a list, unless the client asks for fewer.
const PAGE: usize = 20;
/// More than anyone needs to look around, so that a forgotten script cannot fill the memory.
const MAX_ITEMS: usize = 10_000;

/// Serves until `stopped` turns true. On loopback, for this process alone.
pub async fn run(listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router()).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "serve the sample API");
    }
}

/// One collection, and what a new item must have.
struct Collection {
    name: &'static str,
    required: &'static [&'static str],
    items: Vec<Map<String, Value>>,
    next_id: u64,
}

#[derive(Clone)]
struct Library(Arc<Mutex<Vec<Collection>>>);

impl Library {
    fn lock(&self) -> MutexGuard<'_, Vec<Collection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Problem {
    NotFound,
    Invalid(Vec<&'static str>),
    Full,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, json!({ "error": "not found" })),
            Self::Invalid(fields) => {
                let errors: Map<String, Value> =
                    fields.into_iter().map(|field| (field.into(), json!(["is missing"]))).collect();
                (StatusCode::UNPROCESSABLE_ENTITY, json!({ "error": "invalid", "fields": errors }))
            }
            Self::Full => (StatusCode::INSUFFICIENT_STORAGE, json!({ "error": "the library is full" })),
        };
        (status, Json(body)).into_response()
    }
}

fn router() -> Router {
    let library = Library(Arc::new(Mutex::new(first_items())));
    Router::new()
        .route("/", get(about))
        .route("/{collection}", get(list).post(create))
        .route("/{collection}/{id}", get(read).put(update).patch(update).delete(remove))
        .with_state(library)
}

async fn about() -> Json<Value> {
    Json(json!({ "name": "sample library", "collections": ["books", "members", "loans"] }))
}

fn find<'a>(library: &'a mut [Collection], name: &str) -> Result<&'a mut Collection, Problem> {
    library.iter_mut().find(|collection| collection.name == name).ok_or(Problem::NotFound)
}

fn place(collection: &Collection, id: &str) -> Result<usize, Problem> {
    let id: u64 = id.parse().map_err(|_| Problem::NotFound)?;
    collection.items.iter().position(|item| item.get("id") == Some(&json!(id))).ok_or(Problem::NotFound)
}

#[derive(Deserialize)]
struct Page {
    page: Option<usize>,
    limit: Option<usize>,
}

async fn list(
    State(library): State<Library>,
    Path(name): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let mut library = library.lock();
    let items = &find(&mut library, &name)?.items;
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let start = page.page.unwrap_or(1).saturating_sub(1).saturating_mul(limit);
    let shown: Vec<_> = items.iter().skip(start).take(limit).cloned().collect();
    let total = HeaderValue::from(items.len());
    Ok(([("x-total-count", total)], Json(shown)).into_response())
}

async fn create(
    State(library): State<Library>,
    Path(name): Path<String>,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let mut library = library.lock();
    let collection = find(&mut library, &name)?;
    let missing: Vec<_> =
        collection.required.iter().copied().filter(|field| body.get(*field).is_none_or(Value::is_null)).collect();
    if !missing.is_empty() {
        return Err(Problem::Invalid(missing));
    }
    if collection.items.len() >= MAX_ITEMS {
        return Err(Problem::Full);
    }
    let id = collection.next_id;
    collection.next_id += 1;
    body.remove("id");
    let mut item = Map::from_iter([("id".to_owned(), json!(id))]);
    item.extend(body);
    collection.items.push(item.clone());
    let location = format!("/{name}/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(item)).into_response())
}

async fn read(
    State(library): State<Library>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Map<String, Value>>, Problem> {
    let mut library = library.lock();
    let collection = find(&mut library, &name)?;
    let place = place(collection, &id)?;
    Ok(Json(collection.items[place].clone()))
}

async fn update(
    State(library): State<Library>,
    Path((name, id)): Path<(String, String)>,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<Json<Map<String, Value>>, Problem> {
    let mut library = library.lock();
    let collection = find(&mut library, &name)?;
    let place = place(collection, &id)?;
    body.remove("id");
    collection.items[place].extend(body);
    Ok(Json(collection.items[place].clone()))
}

async fn remove(
    State(library): State<Library>,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut library = library.lock();
    let collection = find(&mut library, &name)?;
    let place = place(collection, &id)?;
    collection.items.remove(place);
    Ok(StatusCode::NO_CONTENT)
}

fn first_items() -> Vec<Collection> {
    const BOOKS: [(&str, &str, u32); 6] = [
        ("Middlemarch", "George Eliot", 1871),
        ("The Trial", "Franz Kafka", 1925),
        ("Beloved", "Toni Morrison", 1987),
        ("Invisible Cities", "Italo Calvino", 1972),
        ("Things Fall Apart", "Chinua Achebe", 1958),
        ("The Left Hand of Darkness", "Ursula K. Le Guin", 1969),
    ];
    let books =
        BOOKS.map(|(title, author, year)| json!({ "title": title, "author": author, "year": year, "available": true }));
    let members = ["Ada", "Grace", "Edsger"]
        .map(|name| json!({ "name": name, "email": format!("{}@library.example", name.to_lowercase()) }));
    let loans = [(1, 2), (3, 1)]
        .map(|(book, member)| json!({ "bookId": book, "memberId": member, "due": "2030-01-31", "returned": false }));
    vec![
        collection("books", &["title", "author"], &books),
        collection("members", &["name", "email"], &members),
        collection("loans", &["bookId", "memberId"], &loans),
    ]
}

fn collection(name: &'static str, required: &'static [&'static str], values: &[Value]) -> Collection {
    let item = |(id, value): (u64, &Value)| {
        let mut item = Map::from_iter([("id".to_owned(), json!(id))]);
        item.extend(value.as_object().cloned().unwrap_or_default());
        item
    };
    let items: Vec<_> = (1..).zip(values).map(item).collect();
    Collection { name, required, next_id: items.len() as u64 + 1, items }
}
