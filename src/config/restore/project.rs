//! Projects: made with their features, restricted and limited at the end (pure).

use serde_json::Value;

use super::super::object::{Fields, Object};
use super::object::{changed, work};
use super::plan::{Planner, Turned, rest};
use super::stage::Stage;
use super::work::{Change, Expected, given};
use crate::model::ObjectId;
use crate::plan::{Action, Row};

/// Plans one project.
///
/// Limits and restrictions would forbid what is still to come, so they are as they were until then:
/// two steps where both they and something else change.
pub(super) fn plan(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Vec<Turned> {
    let early = Stage::of(id.kind);
    let present = planner.facts.server.object(id);
    let first = with_limits_of(wanted, present);
    let mut steps = Vec::new();
    match present {
        None => {
            let row = Row::of_object(Action::Create, id);
            let change = Change::Create(first.clone());
            steps.push(work(early, row, id, change, Expected::Absent));
        }
        Some(present) => {
            let (old, new) = (given(id, present), given(id, &first));
            if let Some(reason) = changed(&old, &new) {
                if reason.contains("config.features.") && is_in_use(present) {
                    let reason =
                        "its features differ, and cannot be changed while it holds anything";
                    return vec![rest(early, Action::Refuse, id, reason)];
                }
                let row = Row::of_object(Action::Update, id).because(&reason);
                let change = Change::Update(first.clone());
                steps.push(work(early, row, id, change, Expected::Like(old)));
            }
        }
    }
    let (old, new) = (given(id, &first), given(id, wanted));
    if let Some(reason) = changed(&old, &new) {
        let row = Row::of_object(Action::Update, id).because(&reason);
        let change = Change::Update(wanted.clone());
        steps.push(work(
            Stage::ProjectLimits,
            row,
            id,
            change,
            Expected::Like(old),
        ));
    }
    if steps.is_empty() {
        steps.push(rest(early, Action::Skip, id, "it is equal"));
    }
    steps
}

fn is_limit(key: &str) -> bool {
    key.starts_with("limits.") || key == "restricted" || key.starts_with("restricted.")
}

fn config(object: &Object) -> Fields {
    object.config().cloned().unwrap_or_default()
}

/// The wanted project with the limits and restrictions that the server has now.
fn with_limits_of(wanted: &Object, present: Option<&Object>) -> Object {
    let mut first = wanted.clone();
    let mut merged = config(wanted);
    merged.retain(|key, _| !is_limit(key));
    let now = present.map(config).unwrap_or_default();
    merged.extend(now.into_iter().filter(|(key, _)| is_limit(key)));
    merged.sort_keys();
    first.set.insert("config".to_owned(), Value::Object(merged));
    first
}

/// Whether a project holds anything but the profile that comes with it.
pub(super) fn is_in_use(project: &Object) -> bool {
    let used = project.state.get("used_by").and_then(Value::as_array);
    used.into_iter().flatten().any(|url| {
        let url = url.as_str().unwrap_or_default();
        !url.starts_with("/1.0/profiles/default?") && url != "/1.0/profiles/default"
    })
}
