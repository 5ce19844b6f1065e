//! Profiles and networks. Every project has the same.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Asked};
use super::state::{State, object};

impl State {
    /// A profile as the API gives it.
    fn profile(&self, name: &str) -> Value {
        let users = self.instances.iter().filter(|(_, instance)| {
            let profiles = instance.object["profiles"].as_array();
            profiles.is_some_and(|profiles| profiles.iter().any(|profile| profile == name))
        });
        let users: Vec<String> = users
            .map(|((_, user), _)| format!("/1.0/instances/{user}"))
            .collect();
        let content = self.profile_contents.get(name);
        let part = |key: &str| content.map_or(json!({}), |content| content[key].clone());
        json!({ "name": name, "description": "", "config": part("config"),
            "devices": part("devices"), "used_by": users })
    }

    /// The devices that a profile gives.
    pub(super) fn profile_devices(&self, name: &str) -> Map<String, Value> {
        let content = self.profile_contents.get(name);
        object(content.map_or(Value::Null, |content| content["devices"].clone()))
    }

    /// Whether what a device refers to is there.
    pub(super) fn validate(&self, name: &str, device: &Value) -> Result<(), String> {
        let text = |key: &str| device[key].as_str().unwrap_or_default();
        let lacks = match text("type") {
            "nic" if !self.networks.iter().any(|known| known == text("network")) => "Network",
            "disk" if text("path") != "/" => {
                let volume = format!("{}/{}", text("pool"), text("source"));
                let custom = self.custom.keys();
                let mut custom = custom.map(|(_, pool, name)| format!("{pool}/{name}"));
                if self.volumes.contains(&volume) || custom.any(|it| it == volume) {
                    return Ok(());
                }
                "Storage volume"
            }
            _ => return Ok(()),
        };
        Err(format!(
            "Failed importing backup: Failed add validation for device {name:?}: {lacks} not found"
        ))
    }
}

/// `/1.0/profiles`.
pub(super) fn profiles(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let names = state.profiles.iter();
            let all = names.map(|name| (name.as_str(), state.profile(name)));
            asked.list("/1.0/profiles", all)
        }
        ("POST", []) => create(state, &asked.json()),
        (_, [name]) if !state.profiles.iter().any(|known| known == name) => {
            Answer::error(404, "Fetch profile: Profile not found")
        }
        ("GET", [name]) => Answer::tagged(state.profile(name)),
        ("PUT", [name]) => {
            state
                .profile_contents
                .insert((*name).to_owned(), asked.json());
            Answer::sync(json!({}))
        }
        ("DELETE", [name]) => {
            state.profiles.retain(|known| known != name);
            state.profile_contents.remove(*name);
            Answer::sync(json!({}))
        }
        _ => Answer::error(404, "not found"),
    }
}

fn create(state: &mut State, content: &Value) -> Answer {
    let name = content["name"].as_str().unwrap_or_default();
    if state.profiles.iter().any(|known| known == name) {
        return Answer::error(409, "The profile already exists");
    }
    for (device, it) in content["devices"].as_object().into_iter().flatten() {
        if let Err(error) = state.validate(device, it) {
            return Answer::error(400, &error);
        }
    }
    state.profiles.push(name.to_owned());
    state
        .profile_contents
        .insert(name.to_owned(), content.clone());
    Answer::Json(201, Answer::envelope(&Value::Null))
}

/// `/1.0/networks`.
pub(super) fn networks(state: &State, asked: &Asked, rest: &[&str]) -> Answer {
    let shown = |name: &str| {
        json!({ "name": name, "type": "bridge", "managed": true, "config": {}, "description": "",
            "used_by": [], "status": "Created", "locations": ["none"] })
    };
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let names = state.networks.iter();
            let all = names.map(|name| (name.as_str(), shown(name)));
            asked.list("/1.0/networks", all)
        }
        ("GET", [name]) if state.networks.iter().any(|known| known == name) => {
            Answer::tagged(shown(name))
        }
        (_, [_]) => Answer::error(404, "Network not found"),
        _ => Answer::error(404, "not found"),
    }
}
