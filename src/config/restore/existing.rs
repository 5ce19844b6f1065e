//! What becomes of objects that are there and differ (pure).

use serde_json::Value;

use super::plan::{Planner, Turned, rest};
use super::pool::is_pending;
use super::work::{Change, Work, given};
use crate::model::ObjectId;
use crate::plan::{Action, Existing, Step};

/// Keeps those of an object's steps that may be done where it is there already.
///
/// What only lacks something is completed also where what exists is not to be replaced: a server has
/// some objects by itself, with nothing in them, and a restore that was interrupted leaves projects
/// without their limits.
pub(super) fn settle(planner: Planner<'_>, id: &ObjectId, steps: Vec<Turned>) -> Vec<Turned> {
    let Some(present) = planner.facts.server.object(id).filter(|it| !is_pending(it)) else {
        return steps;
    };
    let present = given(id, present);
    let stays = match planner.request.existing {
        Existing::Replace => return steps,
        Existing::Refuse => {
            let works = || steps.iter().filter_map(|(_, step)| step.work_of());
            if works().all(|work| adds(&present, work)) {
                return steps;
            }
            Action::Refuse
        }
        Existing::Skip => Action::Skip,
    };
    let Some(stage) = steps.iter().map(|(stage, _)| *stage).min() else {
        return steps;
    };
    if !steps.iter().any(|(_, step)| differs(step)) {
        return steps;
    }
    let reasons = steps.iter().map(|(_, step)| step.row().reason.as_str());
    let reasons: Vec<&str> = reasons.filter(|reason| !reason.is_empty()).collect();
    let places = match reasons.as_slice() {
        [] => String::new(),
        reasons => format!(" ({})", reasons.join(", ")),
    };
    let reason = match stays {
        Action::Refuse => format!(
            "it is there, and differs{places}; --replace changes it, --skip-existing leaves it"
        ),
        _ => format!("it exists, and differs{places}"),
    };
    vec![rest(stage, stays, id, &reason)]
}

/// Whether a step is about something that is not as it should be.
fn differs(step: &Step<Work>) -> bool {
    step.work_of().is_some() || step.row().action == Action::Refuse
}

/// Whether a step only adds to what is there.
fn adds(present: &Value, work: &Work) -> bool {
    match &work.change {
        Change::Create(_) | Change::CreateAnew(_) => true,
        Change::Update(object) => only_adds(present, &given(&work.id, object)),
        Change::SetKey(value) => only_adds(&present["value"], &Value::from(value.as_str())),
        Change::Delete => false,
    }
}

/// Whether everything that one side says the other says too.
fn only_adds(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Null, _) => true,
        (Value::String(old), _) if old.is_empty() => true,
        (Value::Array(old), _) if old.is_empty() => true,
        (Value::Object(old), new) => old
            .iter()
            .all(|(key, value)| only_adds(value, new.get(key).unwrap_or(&Value::Null))),
        (old, new) => old == new,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({}), json!({ "a": "1" }), true)]
    #[case(json!({ "a": "1" }), json!({ "a": "1", "b": "2" }), true)]
    #[case(json!({ "a": "1" }), json!({ "a": "2" }), false)]
    #[case(json!({ "a": "1" }), json!({}), false)]
    #[case(json!({ "a": "" }), json!({}), true)]
    #[case(json!({ "rules": [] }), json!({ "rules": [{ "x": 1 }] }), true)]
    #[case(json!({ "rules": [1] }), json!({ "rules": [1, 2] }), false)]
    #[case(json!({ "devices": { "r": { "pool": "p" } } }), json!({ "devices": {} }), false)]
    #[case(json!({ "restricted": false }), json!({ "restricted": true }), false)]
    fn what_only_lacks_something_is_told_from_what_says_something_else(
        #[case] old: Value,
        #[case] new: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(only_adds(&old, &new), expected);
    }
}
