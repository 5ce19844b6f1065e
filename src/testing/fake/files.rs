//! Files in instances.

use serde_json::json;

use super::answer::{Answer, Asked};
use super::state::{Key, State};

/// `/1.0/instances/N/files`.
pub(super) fn answer(state: &mut State, asked: &Asked, key: &Key) -> Answer {
    let Some(instance) = state.instances.get_mut(key) else {
        return Answer::error(404, "Instance not found");
    };
    let path = asked.query("path").unwrap_or_default();
    let path = format!("rootfs/{}", path.trim_matches('/'));
    let below = |place: &str, path: &str| {
        let rest = path.strip_prefix(place)?.strip_prefix('/')?;
        rest.split('/').next().map(str::to_owned)
    };
    let exists = |place: &str| {
        place == "rootfs"
            || instance.folders.contains(place)
            || instance
                .files
                .keys()
                .any(|path| below(place, path).is_some())
    };
    let headers = |kind: &str| {
        ["uid", "gid"]
            .map(|id| (id, "0".to_owned()))
            .into_iter()
            .chain([("type", kind.to_owned())])
            .map(|(name, value)| match name {
                "uid" => ("x-incus-uid", value),
                "gid" => ("x-incus-gid", value),
                _ => ("x-incus-type", value),
            })
            .collect::<Vec<_>>()
    };
    match asked.method.as_str() {
        "GET" => match instance.files.get(&path) {
            Some(content) => Answer::File(content.clone(), 0, headers("file")),
            None if exists(&path) => {
                let inside = instance.files.keys().chain(&instance.folders);
                let mut names: Vec<String> = inside.filter_map(|it| below(&path, it)).collect();
                names.sort();
                names.dedup();
                Answer::Headed(json!(names), headers("directory"))
            }
            None => Answer::error(404, "Not Found"),
        },
        "POST" => {
            let parent = path.rsplit_once('/').map_or("rootfs", |(parent, _)| parent);
            if !exists(parent) {
                return Answer::error(404, "Not Found");
            }
            match asked.header("x-incus-type") {
                Some("directory") => drop(instance.folders.insert(path)),
                _ => drop(instance.files.insert(path, asked.body.to_vec())),
            }
            Answer::sync(json!({}))
        }
        "DELETE" => match instance.files.remove(&path) {
            Some(_) => Answer::sync(json!({})),
            None if instance.folders.remove(&path) => Answer::sync(json!({})),
            None => Answer::error(404, "Not Found"),
        },
        _ => Answer::error(404, "not found"),
    }
}
