//! Storage pools, their room, and the custom volumes in them.

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::server::Series;
use super::state::State;
use super::{buckets, volumes};

/// `/1.0/storage-pools`.
pub(super) fn answer(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    if let [pool, "buckets", rest @ ..] = rest
        && state.pools.contains_key(*pool)
    {
        return buckets::answer(state, asked, pool, rest);
    }
    if let [pool, "volumes", "custom", rest @ ..] = rest
        && state.pools.contains_key(*pool)
        && !(asked.method == "GET" && rest.is_empty())
    {
        return volumes::answer(state, asked, pool, rest);
    }
    let state = &*state;
    let shown = |name: &str| -> Option<Value> {
        let (driver, config) = state.pools.get(name)?;
        let hidden = state.no_administrator && asked.series == Series::Lts60;
        let config = (!hidden).then_some(config);
        Some(
            json!({ "name": name, "driver": driver, "config": config, "description": "",
            "used_by": [], "status": "Created", "locations": ["none"] }),
        )
    };
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let names = state.pools.keys().map(String::as_str);
            let pools = names.filter_map(|name| Some((name, shown(name)?)));
            asked.list("/1.0/storage-pools", pools)
        }
        (_, [pool, ..]) if !state.pools.contains_key(*pool) => {
            Answer::error(404, "Storage pool not found")
        }
        ("GET", [pool]) => Answer::tagged(shown(pool).unwrap_or_default()),
        ("GET", [pool, "resources"]) => {
            let (total, used) = state.space.get(*pool).copied().unwrap_or_default();
            Answer::sync(json!({ "space": { "total": total, "used": used }, "inodes": {} }))
        }
        ("GET", [pool, "volumes", "custom"]) => {
            let prefix = format!("{pool}/");
            let names = state
                .volumes
                .iter()
                .filter_map(|volume| volume.strip_prefix(&prefix));
            let volume = |name| {
                json!({ "name": name, "type": "custom", "content_type": "filesystem", "config": {},
                    "project": asked.project, "location": "none", "description": "" })
            };
            let place = format!("/1.0/storage-pools/{pool}/volumes/custom");
            let custom = state.custom.iter();
            let custom =
                custom.filter(|((project, of, _), _)| *project == asked.project && of == pool);
            let custom =
                custom.map(|((_, _, name), it)| (name.as_str(), Value::Object(it.object.clone())));
            asked.list(&place, names.map(|name| (name, volume(name))).chain(custom))
        }
        _ => Answer::error(404, "not found"),
    }
}
