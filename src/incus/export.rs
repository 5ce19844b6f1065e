//! Exports and imports of instances, custom volumes and buckets.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Error;
use super::client::Client;
use super::event::EventStream;
use super::exportable::Exportable;
use super::operation::{Operation, OperationError};
use super::request::open;
use crate::model::PoolName;

/// How long after a stream's end the operation may take to say how it ended.
const VERDICT: Duration = Duration::from_secs(20);

/// How long nothing may come of a file that the server holds.
const SILENCE: Duration = Duration::from_secs(60);

/// What is asked of an export.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// The name of a backup that is kept on the server; none for a stream.
    pub name: Option<String>,
    /// When the server deletes it.
    pub expires_at: Option<Timestamp>,
    /// Leave snapshots out.
    pub without_snapshots: bool,
    /// Use the storage driver's own format.
    pub optimized: bool,
}

impl BackupRequest {
    /// The request as the API takes it. The server is never asked to compress: it does not say when
    /// that fails.
    fn body(&self, what: &Exportable) -> serde_json::Value {
        let mut body = json!({ "compression_algorithm": "none" });
        if let Some(only) = what.only_key() {
            body[only] = json!(self.without_snapshots);
            body["optimized_storage"] = json!(self.optimized);
        }
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        if let Some(expires_at) = self.expires_at {
            body["expires_at"] = json!(expires_at);
        }
        body
    }
}

/// The chunks of a body.
pub type ChunkStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A backup that comes in.
pub struct Download {
    /// The size of the whole backup, where the server says it.
    pub total: Option<u64>,
    /// What comes.
    pub stream: ChunkStream,
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// An export that is streamed while it is made, and what the server says of it.
pub struct DirectBackup {
    /// What comes.
    pub stream: ChunkStream,
    /// How it ended.
    pub outcome: Outcome,
}

impl std::fmt::Debug for DirectBackup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectBackup").finish_non_exhaustive()
    }
}

/// The end of the operation behind a stream, told by events: its id is not in the answer.
#[derive(Debug)]
pub struct Outcome(Option<JoinHandle<Option<Result<(), OperationError>>>>);

impl Outcome {
    /// Waits for the operation's end. Where events are not to be had, or say nothing of it in time,
    /// the operation is `Vanished`: then only the stream itself tells.
    pub async fn wait(self) -> Result<(), OperationError> {
        let vanished = || OperationError::Vanished {
            description: "export".to_owned(),
        };
        let Some(mut watch) = self.0 else {
            return Err(vanished());
        };
        let Ok(ended) = tokio::time::timeout(VERDICT, &mut watch).await else {
            watch.abort();
            return Err(vanished());
        };
        ended.ok().flatten().unwrap_or_else(|| Err(vanished()))
    }
}

/// What an import sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportContent {
    /// An export.
    Archive,
    /// The raw content of an ISO volume (`backup_iso`).
    Iso,
}

/// Where an import goes to.
#[derive(Debug, Clone)]
pub struct Import {
    /// What it becomes.
    pub to: Exportable,
    /// For an instance: its pool; none for the one that the archive names.
    pub pool: Option<PoolName>,
    /// What is sent.
    pub content: ImportContent,
}

impl Client {
    /// The names of the backups of something that the server keeps.
    pub async fn backups(&self, what: &Exportable) -> Result<Vec<String>, Error> {
        let action = format!("list the backups of `{what}`");
        let get = what.request(Method::GET, &["backups"], action);
        let all: Vec<serde_json::Value> = self.list_at(get).await?;
        let last = |item: &serde_json::Value| {
            let name = item["name"].as_str().unwrap_or_default();
            name.rsplit('/').next().unwrap_or_default().to_owned()
        };
        Ok(all.iter().map(last).collect())
    }

    /// Has the server make a backup that it keeps.
    pub async fn create_backup(
        &self,
        what: &Exportable,
        request: &BackupRequest,
    ) -> Result<Operation, Error> {
        let action = format!("export {} `{what}`", what.noun());
        let post = what.request(Method::POST, &["backups"], action);
        self.begin(&post.json(request.body(what))).await
    }

    /// Downloads a backup that the server keeps, from an offset on; from its end on nothing comes.
    pub async fn download_backup(
        &self,
        what: &Exportable,
        backup: &str,
        offset: u64,
    ) -> Result<Download, Error> {
        let action = format!("download the export of `{what}`");
        let mut get = what.request(Method::GET, &["backups", backup, "export"], action.clone());
        if offset > 0 {
            get = get.header("range", &format!("bytes={offset}-"));
        }
        let response = self.send(&get, None).await?;
        // Nothing follows the end, or what is there of a backup that is being made.
        if response.status().as_u16() == 416 && offset > 0 {
            return Ok(Download {
                total: size_of_range(&response),
                stream: futures_util::stream::empty().boxed(),
            });
        }
        let wanted = if offset > 0 { 206 } else { 200 };
        if response.status().as_u16() != wanted {
            open(response, &action).await?;
            return Err(Error::Protocol {
                action,
                cause: None,
            });
        }
        let total = response.content_length().map(|left| offset + left);
        Ok(Download {
            total,
            stream: self
                .in_time(unless_silent(chunks(response, action.clone()), action))
                .boxed(),
        })
    }

    /// Deletes a backup that the server keeps.
    pub async fn delete_backup(&self, what: &Exportable, backup: &str) -> Result<Operation, Error> {
        let action = format!("delete backup `{backup}` of `{what}`");
        let delete = what.request(Method::DELETE, &["backups", backup], action);
        self.begin(&delete).await
    }

    /// Has the server stream an export while it makes it (`direct_backup`).
    pub async fn direct_backup(
        &self,
        what: &Exportable,
        request: &BackupRequest,
    ) -> Result<DirectBackup, Error> {
        let action = format!("export {} `{what}`", what.noun());
        // Before the request, or the operation may have ended before anybody listens.
        let events = self.events(what.project()).await;
        let events = events
            .inspect_err(|error| tracing::debug!(%error, "no events"))
            .ok();
        let post = what.request(Method::POST, &["backups"], action.clone());
        let post = post.json(request.body(what));
        let post = post.header("accept", "application/octet-stream");
        let response = self.send(&post, None).await?;
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        if !response.status().is_success() || kind != Some("application/octet-stream") {
            open(response, &action).await?;
            return Err(Error::Protocol {
                action,
                cause: None,
            });
        }
        let watched = events.map(|events| tokio::spawn(watch(events, what.clone())));
        Ok(DirectBackup {
            stream: self.in_time(chunks(response, action)).boxed(),
            outcome: Outcome(watched),
        })
    }

    /// Sends an archive to be imported. An answer that comes before the whole body was sent ends the
    /// sending.
    pub async fn import_backup(
        &self,
        import: &Import,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Operation, Error> {
        let to = &import.to;
        let action = format!("import {} `{to}`", to.noun());
        let mut post = to
            .request_to_list(Method::POST, action.clone())
            .header("content-type", "application/octet-stream")
            .header("x-incus-name", to.name().as_str());
        if let Some(pool) = &import.pool {
            post = post.header("x-incus-pool", pool.as_str());
        }
        if import.content == ImportContent::Iso {
            post = post.header("x-incus-type", "iso");
        }
        let response = self
            .send(&post, Some(reqwest::Body::wrap_stream(self.in_time(body))))
            .await?;
        let envelope = open(response, &action).await?;
        Operation::parse(envelope.metadata, &action)
    }
}

/// The chunks of a stream that is not silent for long: a file is there to be sent, so that nothing is
/// wrong but the connection.
fn unless_silent(stream: ChunkStream, action: String) -> ChunkStream {
    futures_util::stream::unfold(Some(stream), move |stream| {
        let action = action.clone();
        async move {
            let mut stream = stream?;
            if let Ok(next) = tokio::time::timeout(SILENCE, stream.next()).await {
                return next.map(|chunk| (chunk, Some(stream)));
            }
            let seconds = SILENCE.as_secs();
            Some((Err(Error::Silent { action, seconds }), None))
        }
    })
    .boxed()
}

/// The size in the `Content-Range: bytes */SIZE` of an answer to a range beyond the end.
fn size_of_range(response: &reqwest::Response) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes */")?.parse().ok()
}

/// The chunks of an answer's body.
pub(super) fn chunks(response: reqwest::Response, action: String) -> ChunkStream {
    let failed = move |cause| Error::Transport {
        action: action.clone(),
        cause,
    };
    Box::pin(
        response
            .bytes_stream()
            .map(move |chunk| chunk.map_err(&failed)),
    )
}

/// Waits for the end of the first export of something that begins from now on.
async fn watch(mut events: EventStream, what: Exportable) -> Option<Result<(), OperationError>> {
    let mut id: Option<String> = None;
    while let Some(operation) = events.next().await {
        let ours = match &id {
            Some(id) => operation.id == *id,
            None => is_export_of(&operation, &what),
        };
        if !ours {
            continue;
        }
        if let Some(end) = operation.ended() {
            return Some(end);
        }
        id = Some(operation.id);
    }
    None
}

fn is_export_of(operation: &Operation, what: &Exportable) -> bool {
    operation.description == what.exporting() && operation.is_about(what)
}
