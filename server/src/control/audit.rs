//! Who changed what: a line of JSON for each change that was let in, in a file of its own that only its owner can read. It belongs
//! to the server and not to a project, which may be deleted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::guard::{Role, Visitor, is_change};
use super::traffic::rfc3339;
use crate::projects::Projects;
use crate::twin::now_ms;

const FILE: &str = "audit.jsonl";
/// A full file becomes the older one (`audit.jsonl.1`), and the older one before it goes.
const FILE_MAX_BYTES: u64 = 8 << 20;
/// What is read of its end to show the newest; some hundred changes.
const TAIL_BYTES: u64 = 256 << 10;
const SHOWN_MAX: usize = 1000;
const SHOWN_USUALLY: usize = 100;

/// One change, or the attempt at one: the status says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    at: String,
    /// With which token; `anyone` where none is asked for.
    who: Role,
    /// Address of the other end of the connection.
    from: String,
    method: String,
    /// Without the query, redacted as a recorded path is.
    path: String,
    status: u16,
}

/// The file, and whose paths are redacted how.
#[derive(Debug)]
pub(super) struct Audit {
    path: PathBuf,
    file: Mutex<Option<File>>,
    projects: Arc<Projects>,
}

impl Audit {
    pub(super) fn new(projects: &Arc<Projects>) -> Self {
        let path = projects.config().data_dir.join(FILE);
        Self { path, file: Mutex::default(), projects: Arc::clone(projects) }
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut open = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match open.take() {
            Some(file) => file,
            None => append_to(&self.path)?,
        };
        let file = if file.metadata()?.len() + line.len() as u64 > FILE_MAX_BYTES {
            fs::rename(&self.path, self.path.with_extension("jsonl.1"))?;
            append_to(&self.path)?
        } else {
            file
        };
        (&file).write_all(&line)?;
        *open = Some(file);
        Ok(())
    }

    /// The newest first.
    fn newest(&self, limit: usize) -> io::Result<Vec<Entry>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        // The first line may be half of one, which is no JSON.
        let entries = tail.rsplit(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        Ok(entries.take(limit).collect())
    }
}

fn append_to(path: &std::path::Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The answer waits until the line is written: what somebody was told to be done is in the file.
pub(super) async fn record(State(audit): State<Arc<Audit>>, req: Request, next: Next) -> Response {
    let visitor = req.extensions().get::<Visitor>().copied();
    let Some(visitor) = visitor.filter(|_| is_change(req.method(), req.uri().path())) else {
        return next.run(req).await;
    };
    let (method, path) = (req.method().to_string(), req.uri().path().to_owned());
    let response = next.run(req).await;
    let entry = Entry {
        at: rfc3339(now_ms()),
        who: visitor.role,
        from: visitor.from.map_or_else(String::new, |from| from.to_string()),
        method,
        path: audit.projects.current().redactor.path(&path),
        status: response.status().as_u16(),
    };
    let written = tokio::task::spawn_blocking(move || audit.append(&entry)).await;
    if let Some(error) = written.map_or_else(|error| Some(io::Error::other(error)), Result::err) {
        tracing::error!(%error, "write down who changed something");
    }
    response
}

#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    limit: Option<String>,
}

/// What was changed lately, the newest first.
pub(super) async fn list(
    State(audit): State<Arc<Audit>>,
    Query(wish): Query<Wish>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let wrong = |given| ApiError::BadParameter { name: "limit", given, expected: "a number from 1 to 1000" };
    let limit = wish.limit.map(|text| text.parse().map_err(|_| wrong(text))).transpose()?;
    let limit = limit.unwrap_or(SHOWN_USUALLY).clamp(1, SHOWN_MAX);
    let read = tokio::task::spawn_blocking(move || audit.newest(limit)).await;
    let items =
        read.map_err(io::Error::other).and_then(|read| read).map_err(|error| ApiError::Broken(error.to_string()))?;
    Ok(Json(serde_json::json!({ "items": items })))
}
