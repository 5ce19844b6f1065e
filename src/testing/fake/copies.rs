//! Copies of instances, as `instances_post.go` makes them.

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::instances::{invalid_name, not_found, place, taken};
use super::state::{State, object};

/// `source.type: copy`: new volatile keys, overrides over what is copied.
pub(super) fn copy(state: &mut State, asked: &Asked) -> Answer {
    let body = asked.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&body["name"]);
    if let Some(text) = invalid_name(&name) {
        return Answer::error(400, text);
    }
    let from = (asked.project.clone(), text(&body["source"]["source"]));
    let Some(source) = state.instances.get(&from).cloned() else {
        return Answer::error(404, &not_found(&from));
    };
    let key = (asked.project.clone(), name);
    let occupied = state.instances.contains_key(&key);
    let refused = match taken(asked.series, &key.1) {
        Ok(answer) if occupied => return answer,
        Err(text) if occupied => Some(text),
        _ => None,
    };
    let with_snapshots = body["source"]["instance_only"] != true;
    Answer::accepted(&state.operate("Creating instance", &place(&key), |state| {
        if let Some(text) = refused {
            return Err(text);
        }
        let mut made = source;
        let mut config = object(made.object["config"].clone());
        config.retain(|key, _| {
            let of_files = key == "volatile.last_state.idmap" || key == "volatile.base_image";
            !key.starts_with("volatile.") || of_files
        });
        config.extend(object(body["config"].clone()));
        config.insert("volatile.apply_template".into(), json!("copy"));
        made.object.insert("name".into(), json!(key.1));
        made.object.insert("config".into(), Value::Object(config));
        for field in ["devices", "profiles"] {
            if let Some(given) = body.get(field) {
                made.object.insert(field.into(), given.clone());
            }
        }
        let created_at = json!("2026-05-05T05:05:05Z");
        made.object.insert("created_at".into(), created_at);
        made.expand(state);
        made.identify(state);
        made.status = "Stopped";
        made.backups.clear();
        if !with_snapshots {
            made.snapshots.clear();
        }
        state.instances.insert(key, made);
        Ok(())
    }))
}
