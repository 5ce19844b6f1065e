//! Projects. What a project is asked for that is not there is answered where it is asked.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Asked};
use super::server::Series;
use super::state::{State, object};

/// `/1.0/projects`.
pub(super) fn answer(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    let shown = |name: &str, config: &Map<String, Value>| json!({ "name": name, "description": "", "config": config, "used_by": [] });
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let all = state.projects.iter();
            let all = all.filter(|(name, _)| state.rights.include(name));
            let all = all.map(|(name, config)| (name.as_str(), shown(name, config)));
            asked.list("/1.0/projects", all)
        }
        ("POST", []) => create(state, asked),
        (method, [name]) => {
            let Some(config) = state.projects.get(*name) else {
                return Answer::error(404, "Project not found");
            };
            match method {
                "GET" => Answer::tagged(shown(name, config)),
                "PUT" if state.no_administrator => Answer::error(403, "Certificate is restricted"),
                "PUT" => {
                    if let Some(crossed) = asked.crossed(&shown(name, config)) {
                        return crossed;
                    }
                    let config = object(asked.json()["config"].clone());
                    state.projects.insert((*name).to_owned(), config);
                    Answer::sync(json!({}))
                }
                "DELETE" => delete(state, name),
                _ => Answer::error(404, "not found"),
            }
        }
        _ => Answer::error(404, "not found"),
    }
}

fn create(state: &mut State, asked: &Asked) -> Answer {
    let body = asked.json();
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    let old = asked.series == Series::Lts60;
    if name.contains('/') {
        let text = if old {
            "Project names may not contain slashes"
        } else {
            "Invalid project name: Name contains invalid character \"/\""
        };
        return Answer::error(400, text);
    }
    if state.projects.contains_key(&name) {
        let adding = format!("Failed creating project \"{name}\": Failed adding database record");
        return if old {
            let cause = "UNIQUE constraint failed: projects.name";
            let cause = format!("Failed to create \"projects\" entry: {cause}");
            Answer::error(500, &format!("{adding}: {cause}"))
        } else {
            let text = format!("{adding}: This \"Project\" entry already exists");
            Answer::error(409, &text)
        };
    }
    // What is not said is switched on.
    let mut config = Map::new();
    for feature in ["images", "profiles", "storage.buckets", "storage.volumes"] {
        config.insert(format!("features.{feature}"), json!("true"));
    }
    config.extend(object(body["config"].clone()));
    state.projects.insert(name, config);
    Answer::Json(201, Answer::envelope(&Value::Null))
}

fn delete(state: &mut State, name: &str) -> Answer {
    if name == "default" {
        return Answer::error(403, "The 'default' project cannot be deleted");
    }
    if state.instances.keys().any(|(project, _)| project == name) {
        return Answer::error(500, "Only empty projects can be removed.");
    }
    state.projects.remove(name);
    Answer::sync(json!({}))
}

impl State {
    fn project_has(&self, project: &str, key: &str, value: &str) -> bool {
        let config = self.projects.get(project);
        config.is_some_and(|config| config.get(key).is_some_and(|text| text == value))
    }

    /// Whether a restricted project forbids `backup` or `snapshot`, and what the server says then.
    pub(super) fn forbidden(&self, project: &str, what: &str) -> Option<Answer> {
        let allowed = self.project_has(project, &format!("restricted.{what}s"), "allow");
        let restricted = self.project_has(project, "restricted", "true");
        (restricted && !allowed).then(|| {
            let text = format!("Project \"{project}\" doesn't allow for {what} creation");
            Answer::error(500, &text)
        })
    }

    /// Whether a project may have no more instances. The server counts what it imports twice: it is
    /// there already, and it is to come.
    pub(super) fn is_full(&self, project: &str) -> bool {
        let config = self.projects.get(project);
        let limit =
            config.and_then(|config| config.get("limits.instances")?.as_str()?.parse().ok());
        let there = self.instances.keys().filter(|(it, _)| it == project);
        limit.is_some_and(|limit: usize| there.count() + 1 >= limit)
    }

    /// Whether a restricted project lets nobody change low-level keys.
    pub(super) fn keeps_keys(&self, project: &str) -> bool {
        self.project_has(project, "restricted", "true")
            && !self.project_has(project, "restricted.containers.lowlevel", "allow")
    }

    /// Whether a project has limits or restrictions that do not allow low-level configuration.
    pub(super) fn is_limited(&self, project: &str) -> bool {
        let config = self.projects.get(project);
        let limited =
            config.is_some_and(|config| config.keys().any(|key| key.starts_with("limits.")));
        let allowed = self.project_has(project, "restricted.containers.lowlevel", "allow");
        (limited && !allowed) || self.keeps_keys(project)
    }
}
