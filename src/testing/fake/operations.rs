//! Operations: done at once, told as if they took their time.

use serde_json::{Value, json};

use super::Fault;
use super::server::{Answer, Series};
use super::state::State;

impl State {
    /// Does something as an operation: done and kept, or failed, or done and forgotten.
    pub(super) fn operate(
        &mut self,
        description: &str,
        resource: &str,
        work: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Value {
        let fault = self.take_fault(|fault| match fault {
            Fault::Fail(text, _) | Fault::Vanish(text) => description.contains(text),
            _ => false,
        });
        let done = match &fault {
            Some(Fault::Fail(_, message)) => Err((*message).to_owned()),
            _ => work(self),
        };
        self.next += 1;
        let id = format!("00000000-0000-0000-0000-{:012}", self.next);
        let (status, code) = if done.is_ok() {
            ("Success", 200)
        } else {
            ("Failure", 400)
        };
        let operation = json!({ "id": id, "class": "task", "description": description,
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
            "status": status, "status_code": code, "err": done.err().unwrap_or_default(),
            "resources": { "instances": [format!("/1.0/instances/{resource}")] },
            "metadata": null, "may_cancel": false, "location": "none" });
        if !matches!(fault, Some(Fault::Vanish(_))) {
            self.operations.insert(id.clone(), operation.clone());
        }
        // As it is told when it has only begun.
        let mut begun = operation;
        begun["status"] = json!("Running");
        begun["status_code"] = json!(103);
        begun["err"] = json!("");
        begun
    }

    /// What waiting for an operation gives: up to 6.0.4 a failure is an error inside a 200.
    pub(super) fn waited(&self, id: &str, series: Series) -> Answer {
        let Some(operation) = self.operations.get(id) else {
            return Answer::error(404, "Operation not found");
        };
        if series == Series::Lts60 && operation["status_code"] == 400 {
            let error = operation["err"].as_str().unwrap_or_default();
            return Answer::Json(
                200,
                json!({ "type": "error", "error": error, "error_code": 500 }),
            );
        }
        Answer::sync(operation.clone())
    }
}
