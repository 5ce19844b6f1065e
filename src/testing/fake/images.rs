//! Images: one file each, in the project that they were given to.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Asked};
use super::state::{State, object};
use crate::model::Sha256;

/// An image.
#[derive(Debug, Clone)]
pub struct FakeImage {
    /// The project that it is in.
    pub project: String,
    /// What it is called.
    pub aliases: Vec<String>,
    /// What the API gives of it, but for its names.
    pub object: Map<String, Value>,
    /// Its only file.
    pub file: Vec<u8>,
}

impl FakeImage {
    /// A container image of this file, in the project `default`.
    pub(super) fn new(alias: &str, file: Vec<u8>) -> Self {
        let properties = json!({ "os": "busybox", "release": "static" });
        Self {
            project: "default".to_owned(),
            aliases: vec![alias.to_owned()],
            object: object(json!({ "type": "container", "architecture": "x86_64",
                "filename": "image.tar.gz", "size": file.len(), "public": false, "cached": false,
                "auto_update": false, "properties": properties, "profiles": ["default"],
                "expires_at": "0001-01-01T00:00:00Z", "created_at": "2026-01-02T03:04:05Z" })),
            file,
        }
    }

    fn fingerprint(&self) -> String {
        Sha256::of(&self.file).to_string()
    }

    fn shown(&self) -> Value {
        let mut shown = self.object.clone();
        let aliases = self.aliases.iter();
        let aliases = aliases.map(|name| json!({ "name": name, "description": "" }));
        shown.insert("fingerprint".into(), json!(self.fingerprint()));
        shown.insert("aliases".into(), aliases.collect());
        shown.insert("project".into(), json!(self.project));
        Value::Object(shown)
    }
}

impl State {
    /// The project that a project's images are in.
    fn home_of_images(&self, project: &str) -> String {
        let config = self.projects.get(project);
        let own = config.is_some_and(|config| {
            config
                .get("features.images")
                .is_some_and(|value| value == "true")
        });
        let own = own && project != "default";
        if own { project } else { "default" }.to_owned()
    }

    /// An image by its alias or the start of its fingerprint.
    pub(super) fn image(&self, project: &str, name: &str) -> Option<&FakeImage> {
        let home = self.home_of_images(project);
        self.images.iter().find(|image| {
            let named = image.aliases.iter().any(|alias| alias == name);
            image.project == home && (named || image.fingerprint().starts_with(name))
        })
    }
}

/// `/1.0/images`.
pub(super) fn answer(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    let home = state.home_of_images(&asked.project);
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let images = state.images.iter().filter(|image| image.project == home);
            let all: Vec<(String, Value)> = images
                .map(|image| (image.fingerprint(), image.shown()))
                .collect();
            let all = all
                .iter()
                .map(|(name, shown)| (name.as_str(), shown.clone()));
            asked.list("/1.0/images", all)
        }
        ("POST", []) => upload(state, asked, home),
        ("GET", ["aliases", name]) => match state.image(&asked.project, name) {
            Some(image) => Answer::tagged(
                json!({ "name": name, "description": "", "target": image.fingerprint(), "type": "container" }),
            ),
            None => Answer::error(404, "Image alias not found"),
        },
        (method, [name, rest @ ..]) => {
            let Some(image) = state.image(&asked.project, name).cloned() else {
                return Answer::error(404, &format!("Image \"{name}\" not found"));
            };
            match (method, rest) {
                ("GET", []) => Answer::tagged(image.shown()),
                ("GET", ["export"]) => Answer::File(image.file, 0, Vec::new()),
                ("DELETE", []) => {
                    let doomed = image.fingerprint();
                    Answer::accepted(&state.operate("Deleting image", "", |state| {
                        state.images.retain(|image| image.fingerprint() != doomed);
                        Ok(())
                    }))
                }
                _ => Answer::error(404, "not found"),
            }
        }
        _ => Answer::error(404, "not found"),
    }
}

fn upload(state: &mut State, asked: &Asked, home: String) -> Answer {
    let mut image = FakeImage::new("", asked.body.to_vec());
    image.project = home;
    let aliases = asked.header("x-incus-aliases").unwrap_or_default();
    let aliases = aliases
        .split('&')
        .filter_map(|pair| pair.strip_prefix("alias="));
    image.aliases = aliases.map(str::to_owned).collect();
    let fingerprint = image.fingerprint();
    let known =
        |other: &FakeImage| other.project == image.project && other.fingerprint() == fingerprint;
    if state.images.iter().any(known) {
        let operation = state.operate("Downloading image", "", |_| {
            Err("Image with same fingerprint already exists".to_owned())
        });
        return Answer::accepted(&operation);
    }
    Answer::accepted(&state.operate("Downloading image", "", |state| {
        state.images.push(image);
        Ok(())
    }))
}
