//! Commands that are run inside an instance.
//!
//! # Design
//!
//! Over web sockets, as `incus exec` does, rather than with the server's recording of the output
//! (`record-output`): a recorded command cannot be stopped and leaves files on the server, and agents
//! of virtual machines take web sockets only. The server kills the command when its control socket
//! breaks (`instance_exec.go`), so that none outlives this process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Error;
use super::client::Client;
use super::operation::{Operation, OperationError};
use super::request::Request;
use super::websocket::{Message, Socket};
use crate::model::{InstanceName, ProjectName};
use crate::progress::Cancel;

/// How much of each of a command's outputs is kept: its end.
const TAIL: usize = 4096;
/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How long its last output may take to come after it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The signals of `kill -l` that end a command.
const TERM: u8 = 15;
const KILL: u8 = 9;

/// A command to run inside an instance.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The instance's project.
    pub project: &'a ProjectName,
    /// The instance, which must run.
    pub instance: &'a InstanceName,
    /// A line for its `sh`.
    pub line: &'a str,
    /// How long it may take.
    pub timeout: Duration,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its exit status; 128 and more where a signal ended it.
    pub status: i64,
    /// The end of what it wrote to its standard output.
    pub stdout: String,
    /// The end of what it wrote to its standard error.
    pub stderr: String,
}

/// Why nothing can be said of how a command ended.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It took too long, and was stopped.
    #[error("it was stopped because it did not end within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The run was cancelled, and so the command was stopped.
    #[error("interrupted")]
    Cancelled,
    /// It could not be started.
    #[error("{0}")]
    Request(#[from] Error),
    /// It was started, and its end is not known.
    #[error("{0}")]
    Operation(#[from] OperationError),
}

impl Client {
    /// Runs a command inside an instance and waits for its end.
    ///
    /// Where it takes too long, or `cancel` comes first, it is asked to end and then killed; what it
    /// has started in the background may live on.
    pub async fn execute(
        &self,
        command: &Command<'_>,
        cancel: &Cancel,
    ) -> Result<Executed, ExecError> {
        let operation = self.begin_execution(command).await?;
        let mut control = self.attach(command, &operation, "control").await?;
        let stdout = Output::follow(self.attach(command, &operation, "1").await?);
        let stderr = Output::follow(self.attach(command, &operation, "2").await?);
        let mut stdin = self.attach(command, &operation, "0").await?;
        // A text message is the end of the input.
        let _ = stdin.send(Message::text("")).await;
        let never = Cancel::new();
        let ended = self.wait_for(&operation, &never, |_| ());
        tokio::pin!(ended);
        let stop = tokio::select! {
            ended = &mut ended => {
                let status = status_of(ended)?.ok_or_else(|| protocol(command))?;
                let (stdout, stderr) = (stdout.end().await, stderr.end().await);
                return Ok(Executed { status, stdout, stderr });
            }
            () = tokio::time::sleep(command.timeout) => ExecError::TimedOut(command.timeout),
            () = cancel.cancelled() => ExecError::Cancelled,
        };
        for signal in [TERM, KILL] {
            let message = json!({ "command": "signal", "signal": signal }).to_string();
            let _ = control.send(Message::text(message)).await;
            if tokio::time::timeout(GRACE, &mut ended).await.is_ok() {
                break;
            }
        }
        Err(stop)
    }

    async fn begin_execution(&self, command: &Command<'_>) -> Result<Operation, Error> {
        let segments = ["instances", command.instance.as_str(), "exec"];
        let request = Request::new(Method::POST, &segments, action(command));
        let body = json!({
            "command": ["sh", "-c", command.line],
            "environment": {},
            "interactive": false,
            "wait-for-websocket": true,
        });
        self.begin(&request.project(command.project).json(body))
            .await
    }

    /// Connects one of the command's sockets; it starts once all of them are.
    async fn attach(
        &self,
        command: &Command<'_>,
        operation: &Operation,
        which: &str,
    ) -> Result<Socket, Error> {
        let secret = operation
            .result("fds")
            .and_then(|fds| fds[which].as_str())
            .ok_or_else(|| protocol(command))?;
        let segments = ["operations", &operation.id, "websocket"];
        let request = Request::get(&segments, action(command)).with("secret", secret);
        self.websocket(request).await
    }
}

/// The exit status that an operation ended with.
///
/// The server makes failures of the two that shells give when there is nothing to run
/// (`instance/drivers/errors.go`); a command's own `sh` gives them too, and says what it lacks.
fn status_of(ended: Result<Operation, OperationError>) -> Result<Option<i64>, OperationError> {
    match ended {
        Ok(operation) => Ok(operation
            .result("return")
            .and_then(serde_json::Value::as_i64)),
        Err(OperationError::Failed { message, .. }) if message == "Command not found" => {
            Ok(Some(127))
        }
        Err(OperationError::Failed { message, .. }) if message == "Command not executable" => {
            Ok(Some(126))
        }
        Err(error) => Err(error),
    }
}

fn action(command: &Command<'_>) -> String {
    format!("run a command in `{}`", command.instance)
}

fn protocol(command: &Command<'_>) -> Error {
    Error::Protocol {
        action: action(command),
        cause: None,
    }
}

/// One of a command's outputs, of which the end is kept.
struct Output {
    tail: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn follow(mut socket: Socket) -> Self {
        let tail = Arc::new(Mutex::new(Vec::new()));
        let kept = tail.clone();
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Binary(bytes) => {
                        let mut tail = kept.lock().unwrap_or_else(PoisonError::into_inner);
                        append(&mut tail, &bytes);
                    }
                    // A text message is the end of the output.
                    Message::Text(_) | Message::Close(_) => break,
                    _ => {}
                }
            }
        });
        Self { tail, reader }
    }

    /// What came, once all of it has.
    async fn end(mut self) -> String {
        let _ = tokio::time::timeout(LAST_WORDS, &mut self.reader).await;
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail).trim_end().to_owned()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Appends to a tail, and forgets what is too far from its end.
fn append(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
    let surplus = tail.len().saturating_sub(TAIL);
    tail.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_end_of_what_came() {
        let mut tail = Vec::new();
        append(&mut tail, b"first ");
        append(&mut tail, b"second");
        assert_eq!(tail, b"first second");
        append(&mut tail, &[b'x'; TAIL - 3]);
        assert_eq!(tail.len(), TAIL);
        assert!(tail.starts_with(b"ondx"));
        append(&mut tail, &[b'y'; 3 * TAIL]);
        assert_eq!(tail, [b'y'; TAIL]);
    }
}
