//! Operations: done at once, told as if they took their time, forgotten five seconds after.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::fault::{Fault, disk_full};
use super::server::Series;
use super::state::State;

/// How long the server remembers an operation that has ended (`operations.go`).
const MEMORY: Duration = Duration::from_secs(5);

/// `/1.0/operations`.
pub(super) fn answer(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    state.forget_operations();
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            // By status; one that does nothing has no list.
            let mut all = serde_json::Map::new();
            for operation in state.operations.values() {
                let status = operation["status"].as_str().unwrap_or_default();
                let list = all.entry(status.to_lowercase());
                let list = list.or_insert_with(|| json!([]));
                list.as_array_mut()
                    .into_iter()
                    .for_each(|list| list.push(operation.clone()));
            }
            Answer::sync(Value::Object(all))
        }
        ("GET", [id, "wait"]) => state.waited(id, asked.series),
        ("GET", [id]) => match state.operations.get(*id) {
            Some(operation) => Answer::sync(operation.clone()),
            None => Answer::error(404, "Operation not found"),
        },
        ("DELETE", [id]) => match state.operations.get(*id) {
            Some(_) => Answer::error(400, "This operation can't be cancelled"),
            None => Answer::error(404, "Operation not found"),
        },
        _ => Answer::error(404, "not found"),
    }
}

impl State {
    /// Does something as an operation: done and kept, or failed, or done and forgotten.
    pub(super) fn operate(
        &mut self,
        description: &str,
        resource: &str,
        work: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Value {
        let fault = self.take_fault(|fault| fault.spoils(description));
        let hangs = self.series == Series::Lts60;
        let done = match &fault {
            Some(Fault::Fail(_, message)) => Some(Err((*message).to_owned())),
            Some(Fault::DiskFull(_)) => disk_full(description, hangs).map(Err),
            Some(Fault::Hang(_)) => None,
            _ => Some(work(self)),
        };
        self.next += 1;
        let id = format!("00000000-0000-0000-0000-{:012}", self.next);
        // As it is told when it has only begun.
        let begun = json!({ "id": id, "class": "task", "description": description,
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
            "status": "Running", "status_code": 103, "err": "",
            "resources": { "instances": [format!("/1.0/instances/{resource}")] },
            "metadata": null, "may_cancel": false, "location": "none" });
        let mut kept = begun.clone();
        if let Some(done) = done {
            let (status, code) = if done.is_ok() {
                ("Success", 200)
            } else {
                ("Failure", 400)
            };
            kept["status"] = json!(status);
            kept["status_code"] = json!(code);
            kept["err"] = json!(done.err().unwrap_or_default());
            self.ended.push((Instant::now(), id.clone()));
        }
        if !matches!(fault, Some(Fault::Vanish(_))) {
            self.operations.insert(id, kept);
        }
        begun
    }

    /// Says what an operation is about, in the words of its kind.
    pub(super) fn amend(&mut self, operation: &mut Value, key: &str, value: Value) {
        let id = operation["id"].as_str().unwrap_or_default();
        if let Some(kept) = self.operations.get_mut(id) {
            kept["resources"][key] = value.clone();
        }
        operation["resources"][key] = value;
    }

    /// Ends whatever goes on, undone.
    pub fn give_up(&mut self) {
        self.operations.clear();
    }

    fn forget_operations(&mut self) {
        let Self {
            operations, ended, ..
        } = self;
        ended.retain(|(since, id)| {
            let remembered = since.elapsed() < MEMORY;
            if !remembered {
                operations.remove(id);
            }
            remembered
        });
    }

    /// What waiting for an operation gives. Up to 6.0.4 a failure, and that the time is over, is an
    /// error inside a 200.
    fn waited(&self, id: &str, series: Series) -> Answer {
        let Some(operation) = self.operations.get(id) else {
            return Answer::error(404, "Operation not found");
        };
        let error = match operation["status_code"].as_u64() {
            Some(400) => operation["err"].as_str().unwrap_or_default(),
            Some(103) => "context deadline exceeded",
            _ => return Answer::sync(operation.clone()),
        };
        if series == Series::Lts60 {
            Answer::Json(200, Answer::refusal(500, error))
        } else {
            Answer::sync(operation.clone())
        }
    }
}
