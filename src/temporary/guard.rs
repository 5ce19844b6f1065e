//! The guard: a process that lets paused instances go on if the one that paused them dies.
//!
//! It holds the end of a pipe from that process. While all goes well it is told what is paused and,
//! at the end, that all of it goes on again. A pipe that closes without that word means that the
//! other is gone, killed or not: then the guard resumes what it was told of.
//!
//! The first line of the pipe is what the guard connects with, where there is nobody to ask for it: an
//! opened key, or nothing.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin};

use super::Mark;
use super::change::resume;
use super::reattach::InstanceAt;
use crate::incus::Client;
use crate::model::{InstanceName, Owner, Secret};

/// What the guard says when it can be relied on.
const READY: &str = "ready";
/// What it is told when it is no longer needed.
const DONE: &str = "done";
/// How long the guard may take to reach the server, which may be busy with what it was asked before.
const START: Duration = Duration::from_secs(75);
/// How long an instance is watched that the dead process may still have been pausing.
const WATCH: Duration = Duration::from_secs(10);
/// How long the guard tries to resume one.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why nothing can be paused.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// It does not start.
    #[error("cannot start the guard that would resume paused instances")]
    Start(#[source] std::io::Error),
    /// It says that it cannot be one.
    #[error("the guard that would resume paused instances cannot watch: {0}")]
    Unable(String),
    /// It says nothing, or has gone.
    #[error("the guard that would resume paused instances does not answer")]
    Silent,
}

/// How the guard is run.
#[derive(Debug, Clone)]
pub struct GuardProgram {
    /// The program: this very one, as a rule.
    pub program: PathBuf,
    /// What it is told, so that it becomes a guard of the right server.
    pub arguments: Vec<OsString>,
    /// What it reads first, on one line: what others must not see, so that it is no argument.
    pub handed: Secret,
}

/// What the guard is told.
#[derive(Debug, Serialize, Deserialize)]
struct Paused {
    /// Who pauses it.
    owner: Owner,
    /// The instance.
    at: InstanceAt,
}

/// A guard that watches. Dropped without [`release`](Self::release) it resumes what is paused.
#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    pipe: ChildStdin,
}

impl GuardProgram {
    /// Starts a guard; it has reached the server when this returns.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that runs the guard"
    )]
    pub(super) async fn start(&self) -> Result<Guard, GuardError> {
        // In a group of its own: a Ctrl-C in the terminal is for the other process.
        let mut child = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(GuardError::Start)?;
        let (Some(mut pipe), Some(answer)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GuardError::Silent);
        };
        // One that reads nothing has said why.
        let _ = hand(&mut pipe, &self.handed).await;
        let mut line = String::new();
        let mut answer = BufReader::new(answer);
        match tokio::time::timeout(START, answer.read_line(&mut line)).await {
            Ok(Ok(_)) => match line.trim_end() {
                READY => Ok(Guard { child, pipe }),
                "" => Err(GuardError::Silent),
                why => Err(GuardError::Unable(why.to_owned())),
            },
            _ => Err(GuardError::Silent),
        }
    }
}

async fn hand(pipe: &mut ChildStdin, handed: &Secret) -> std::io::Result<()> {
    pipe.write_all(handed.reveal()).await?;
    pipe.write_all(b"\n").await?;
    pipe.flush().await
}

impl Guard {
    /// Tells it that an instance is about to be paused.
    pub(super) async fn watch(
        &mut self,
        owner: &Owner,
        instance: &InstanceAt,
    ) -> Result<(), GuardError> {
        let paused = Paused {
            owner: owner.clone(),
            at: instance.clone(),
        };
        let line = serde_json::to_string(&paused).map_err(|_| GuardError::Silent)?;
        self.say(&line).await
    }

    async fn say(&mut self, line: &str) -> Result<(), GuardError> {
        let line = format!("{line}\n");
        let said = async {
            self.pipe.write_all(line.as_bytes()).await?;
            self.pipe.flush().await
        };
        said.await.map_err(|_: std::io::Error| GuardError::Silent)
    }

    /// Tells it that everything goes on, and waits for its end. One that is gone already has nothing
    /// to do either.
    pub(super) async fn release(mut self) {
        let _ = self.say(DONE).await;
        drop(self.pipe);
        let _ = self.child.wait().await;
    }
}

/// Is a guard: reads what is paused from `input` until its end, and resumes it unless told that this
/// is not needed. `ready` is called when it can be relied on.
pub async fn guard(
    client: &Client,
    input: impl AsyncBufRead + Unpin,
    ready: impl FnOnce(&str) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut paused: Vec<Paused> = Vec::new();
    let mut lines = input.lines();
    ready(READY)?;
    // A line that is cut off, like one that cannot be read, is the end.
    while let Ok(Some(line)) = lines.next_line().await {
        if line == DONE {
            return Ok(());
        }
        match serde_json::from_str(&line) {
            Ok(instance) => paused.push(instance),
            Err(_) => break,
        }
    }
    futures_util::future::join_all(paused.iter().map(|instance| wake(client, instance))).await;
    Ok(())
}

/// Resumes an instance, and watches for a while whether a pause that was on its way comes after all.
/// One that another process has marked since is that one's matter.
async fn wake(client: &Client, Paused { owner, at }: &Paused) {
    let InstanceAt { project, name } = at;
    let begun = tokio::time::Instant::now();
    let mut awake_since = None;
    while begun.elapsed() < PATIENCE {
        match client.instance(project, name).await {
            Ok(None) => return,
            Ok(Some((instance, _))) => {
                let mark = Mark::<InstanceName>::read(&instance.config).ok().flatten();
                if mark.is_some_and(|mark| mark.owner != *owner) {
                    return;
                }
                let frozen = instance.is_frozen();
                let since = awake_since.get_or_insert_with(tokio::time::Instant::now);
                let watched = since.elapsed() >= WATCH;
                if frozen {
                    awake_since = None;
                    let _ = resume(client, project, name).await;
                } else if watched && resume(client, project, name).await.is_ok() {
                    return;
                }
            }
            // A server that does not answer now is asked again.
            Err(error) => tracing::debug!(%error, "cannot see `{name}`"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
