//! Commands inside instances: what they were, and what comes of them.

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::state::State;

/// What a command does.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeCommand {
    /// Its exit status.
    pub status: i64,
    /// What it writes to its standard output.
    pub stdout: &'static str,
    /// What it writes to its standard error.
    pub stderr: &'static str,
    /// It ends only by a signal.
    pub hangs: bool,
}

/// A command that was asked for.
#[derive(Debug)]
pub(super) struct Execution {
    command: FakeCommand,
    attached: Vec<String>,
}

/// One of a command's sockets.
pub(super) struct Attached {
    pub(super) operation: String,
    pub(super) which: String,
    /// What comes over it.
    pub(super) output: &'static str,
}

/// `POST /1.0/instances/N/exec` over web sockets.
pub(super) fn execute(state: &mut State, asked: &Asked, name: &str, status: &str) -> Answer {
    if status != "Running" {
        return Answer::error(400, "Instance is not running");
    }
    let body = asked.json();
    let line = body["command"][2].as_str().unwrap_or_default().to_owned();
    state.requests.push(format!("EXEC {name} {line}"));
    let unknown = FakeCommand {
        status: 127,
        stderr: "sh: not found",
        ..FakeCommand::default()
    };
    let command = state.commands.get(&line).copied().unwrap_or(unknown);
    let mut operation = state.operate("Executing command", name, |_| Ok(()));
    let id = operation["id"].as_str().unwrap_or_default().to_owned();
    let fds: serde_json::Map<String, Value> = ["0", "1", "2", "control"]
        .into_iter()
        .map(|which| (which.to_owned(), json!(format!("secret-{which}"))))
        .collect();
    operation["metadata"] = json!({ "fds": fds });
    state.operations.insert(id.clone(), operation.clone());
    let execution = Execution {
        command,
        attached: Vec::new(),
    };
    state.executions.insert(id, execution);
    Answer::accepted(&operation)
}

/// `GET /1.0/operations/ID/websocket`. The command is through once its three standard streams are
/// attached.
pub(super) fn attach(state: &mut State, id: &str, asked: &Asked) -> Answer {
    let secret = asked.query("secret").unwrap_or_default();
    let (Some(which), Some(execution)) =
        (secret.strip_prefix("secret-"), state.executions.get_mut(id))
    else {
        return Answer::error(403, "not authorized");
    };
    execution.attached.push(which.to_owned());
    let command = execution.command;
    let standard = ["0", "1", "2"];
    let complete = standard
        .iter()
        .all(|fd| execution.attached.iter().any(|it| it == fd));
    if complete && !command.hangs {
        end(state, id, command.status);
    }
    Answer::Socket(Attached {
        operation: id.to_owned(),
        which: which.to_owned(),
        output: match which {
            "1" => command.stdout,
            "2" => command.stderr,
            _ => "",
        },
    })
}

/// A signal that came over the control socket.
pub(super) fn signal(state: &mut State, id: &str, message: &str) {
    let message: Value = serde_json::from_str(message).unwrap_or_default();
    if let Some(signal) = message["signal"].as_i64() {
        state.requests.push(format!("SIGNAL {signal}"));
        end(state, id, 128 + signal);
    }
}

fn end(state: &mut State, id: &str, status: i64) {
    if let Some(operation) = state.operations.get_mut(id) {
        operation["status"] = json!("Success");
        operation["status_code"] = json!(200);
        operation["metadata"]["return"] = json!(status);
        // Like the server, for which these two are failures of its own.
        if let Some(error) = match status {
            126 => Some("Command not executable"),
            127 => Some("Command not found"),
            _ => None,
        } {
            operation["status"] = json!("Failure");
            operation["status_code"] = json!(400);
            operation["err"] = json!(error);
        }
    }
}
