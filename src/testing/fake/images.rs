//! Images: what is listed, downloaded, uploaded and changed.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Asked, decode};
use super::state::{State, object};
use crate::incus::{Framing, InvalidMultipart, Multipart, Piece, parameter};
use crate::model::Sha256;

/// An image.
#[derive(Debug, Clone)]
pub struct FakeImage {
    /// What the API gives of it, but for its aliases.
    pub object: Map<String, Value>,
    /// The first file of a split image.
    pub metadata: Option<Vec<u8>>,
    /// The second file of a split image, or the only one.
    pub main: Vec<u8>,
}

/// What divides the parts of an export.
const BOUNDARY: &str = "d51bc9140c7dc43cdfca77b94e39cefc042b457f92d882e58d8177245a7e";

impl FakeImage {
    /// An image with these files, as it is after an upload.
    pub fn new(metadata: Option<&[u8]>, main: &[u8]) -> Self {
        let whole = [metadata.unwrap_or_default(), main].concat();
        let object = object(json!({
            "fingerprint": Sha256::of(&whole).to_string(), "type": "container", "project": "default",
            "architecture": "x86_64", "filename": "image.tar.gz", "size": whole.len(),
            "cached": false, "public": false, "auto_update": false, "profiles": ["default"],
            "properties": {}, "created_at": "2026-01-02T03:04:05Z",
            "uploaded_at": "2026-01-03T03:04:05Z", "last_used_at": "0001-01-01T00:00:00Z",
            "expires_at": "0001-01-01T00:00:00Z",
        }));
        Self {
            object,
            metadata: metadata.map(<[u8]>::to_vec),
            main: main.to_vec(),
        }
    }

    /// Its fingerprint.
    pub fn fingerprint(&self) -> String {
        self.object["fingerprint"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl State {
    /// Adds an image to a project; gives its fingerprint.
    pub fn add_image(&mut self, project: &str, image: FakeImage) -> String {
        let fingerprint = image.fingerprint();
        self.images
            .insert((project.into(), fingerprint.clone()), image);
        fingerprint
    }

    /// Adds an alias of an image.
    pub fn add_image_alias(&mut self, project: &str, name: &str, target: &str) {
        let alias = (target.to_owned(), format!("what {name} is"));
        self.image_aliases
            .insert((project.into(), name.into()), alias);
    }

    /// An image as the API gives it.
    pub fn shown_image(&self, project: &str, fingerprint: &str) -> Option<Value> {
        let image = self
            .images
            .get(&(project.to_owned(), fingerprint.to_owned()))?;
        let aliases = self.image_aliases.iter();
        let own = aliases.filter(|((of, _), (target, _))| of == project && target == fingerprint);
        let mut shown = image.object.clone();
        shown.insert("project".into(), json!(project));
        let aliases: Vec<Value> = own
            .map(|((_, name), (_, text))| json!({ "name": name, "description": text }))
            .collect();
        shown.insert("aliases".into(), json!(aliases));
        Some(Value::Object(shown))
    }

    /// The project that a project's images are in.
    fn home_of_images(&self, project: &str) -> String {
        let config = self.projects.get(project);
        let own = config.and_then(|config| config.get("features.images"));
        let own = own.is_some_and(|value| value == "true");
        if own { project } else { "default" }.to_owned()
    }

    /// An image by its alias or the start of its fingerprint.
    pub(super) fn image(&self, project: &str, name: &str) -> Option<&FakeImage> {
        let home = self.home_of_images(project);
        let alias = self.image_aliases.get(&(home.clone(), name.to_owned()));
        let start = alias.map_or(name, |(target, _)| target.as_str());
        let mut images = self.images.iter();
        let found = images.find(|((of, known), _)| *of == home && known.starts_with(start));
        found.map(|(_, image)| image)
    }
}

/// `/1.0/images`.
pub(super) fn answer(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    let home = state.home_of_images(&asked.project);
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let own = state.images.keys().filter(|(project, _)| *project == home);
            let all =
                own.filter_map(|(of, name)| Some((name.as_str(), state.shown_image(of, name)?)));
            asked.list("/1.0/images", all)
        }
        ("POST", []) => upload(state, asked, &home),
        ("POST", ["aliases"]) => {
            let body = asked.json();
            let key = (home, text(&body["name"]));
            if state.image_aliases.contains_key(&key) {
                return Answer::error(409, "Alias already exists");
            }
            let alias = (text(&body["target"]), text(&body["description"]));
            state.image_aliases.insert(key, alias);
            Answer::sync(Value::Null)
        }
        (method, ["aliases", name]) => {
            let name = (*name).to_owned();
            let Some(alias) = state.image_aliases.get_mut(&(home.clone(), name.clone())) else {
                return Answer::error(404, "Image alias not found");
            };
            if method == "PUT" {
                let body = asked.json();
                *alias = (text(&body["target"]), text(&body["description"]));
            }
            if method == "DELETE" {
                state.image_aliases.remove(&(home, name));
                return Answer::sync(Value::Null);
            }
            let kind = "container";
            Answer::tagged(
                json!({ "name": name, "target": alias.0, "description": alias.1, "type": kind }),
            )
        }
        (method, [name, rest @ ..]) => {
            let Some(image) = state.image(&asked.project, name) else {
                return Answer::error(404, &format!("Image \"{name}\" not found"));
            };
            let key = (home, image.fingerprint());
            match (method, rest) {
                ("GET", []) => {
                    Answer::tagged(state.shown_image(&key.0, &key.1).unwrap_or_default())
                }
                ("GET", ["export"]) => export(&state.images[&key]),
                ("PUT", []) => put(state, asked, &key),
                ("DELETE", []) => Answer::accepted(&state.operate("Deleting image", "", |state| {
                    state
                        .image_aliases
                        .retain(|(of, _), (target, _)| *of != key.0 || *target != key.1);
                    state
                        .images
                        .remove(&key)
                        .map(drop)
                        .ok_or_else(|| "gone".to_owned())
                })),
                _ => Answer::error(404, "not found"),
            }
        }
        _ => Answer::error(404, "not found"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn put(state: &mut State, asked: &Asked, key: &(String, String)) -> Answer {
    let body = asked.json();
    let profiles = body["profiles"].as_array().cloned().unwrap_or_default();
    if let Some(missing) = profiles
        .iter()
        .find(|name| !state.profiles.contains(&text(name)))
    {
        return Answer::error(400, &format!("Profile {missing} not found"));
    }
    let Some(image) = state.images.get_mut(key) else {
        return Answer::error(404, "Image not found");
    };
    for field in [
        "auto_update",
        "properties",
        "public",
        "expires_at",
        "profiles",
    ] {
        image.object.insert(field.into(), body[field].clone());
    }
    Answer::sync(Value::Null)
}

fn export(image: &FakeImage) -> Answer {
    let fingerprint = image.fingerprint();
    let Some(metadata) = &image.metadata else {
        let disposition = format!("inline;filename={fingerprint}.tar.gz");
        let headers = vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("content-disposition", disposition),
        ];
        return Answer::File(image.main.clone(), 0, headers);
    };
    let framing = Framing::new(BOUNDARY.to_owned());
    let part = if image.object["type"] == "virtual-machine" {
        "rootfs.img"
    } else {
        "rootfs"
    };
    let body = [
        framing
            .opening("metadata", &format!("meta-{fingerprint}.tar.xz"))
            .as_bytes(),
        metadata,
        framing
            .between(part, &format!("{fingerprint}.squashfs"))
            .as_bytes(),
        &image.main,
        framing.closing().as_bytes(),
        // As the server does.
        framing.closing().as_bytes(),
    ]
    .concat();
    Answer::File(body, 0, vec![("content-type", framing.content_type())])
}

/// The name of a part and what is in it.
type Part = (String, Vec<u8>);

/// The parts of an upload by name, and the file name of the last; nothing where it breaks off.
fn parts(asked: &Asked) -> Option<(Vec<Part>, String)> {
    let kind = asked.header("content-type")?;
    let Some(boundary) = parameter(kind, "boundary") else {
        let filename = asked.header("x-incus-filename").unwrap_or_default();
        return Some((
            vec![("rootfs".into(), asked.body.to_vec())],
            filename.into(),
        ));
    };
    let mut multipart = Multipart::new(&boundary);
    let (mut parts, mut last) = (Vec::<Part>::new(), String::new());
    let pushed = multipart.push(&asked.body, |piece| {
        match piece {
            Piece::Begin { name, filename } => {
                parts.push((name, Vec::new()));
                last = filename.unwrap_or_default();
            }
            Piece::Data(data) => parts
                .last_mut()
                .map_or((), |(_, content)| content.extend_from_slice(data)),
            Piece::End => {}
        }
        Ok::<(), InvalidMultipart>(())
    });
    (pushed.is_ok() && multipart.is_complete()).then_some((parts, last))
}

fn upload(state: &mut State, asked: &Asked, home: &str) -> Answer {
    let Some((parts, filename)) = parts(asked) else {
        return Answer::error(500, "multipart: NextPart: EOF");
    };
    let named = |name: &str| parts.iter().find(|(part, _)| part == name);
    let machine = named("rootfs.img").is_some();
    let Some((_, main)) = named("rootfs").or(named("rootfs.img")) else {
        return Answer::error(500, "Invalid multipart image");
    };
    let metadata = named("metadata").map(|(_, content)| content.as_slice());
    let mut image = FakeImage::new(metadata, main);
    let fingerprint = image.fingerprint();
    let expected = asked.header("x-incus-fingerprint");
    if expected.is_some_and(|expected| expected != fingerprint) {
        return Answer::error(500, "fingerprints don't match");
    }
    image.object.insert("filename".into(), json!(filename));
    image
        .object
        .insert("uploaded_at".into(), json!("2026-06-06T06:06:06Z"));
    if machine {
        image.object.insert("type".into(), json!("virtual-machine"));
    }
    let aliases = asked
        .header("x-incus-aliases")
        .unwrap_or_default()
        .split('&');
    let aliases = aliases.filter_map(|pair| pair.strip_prefix("alias="));
    let aliases: Vec<String> = aliases.map(decode).collect();
    let key = (home.to_owned(), fingerprint);
    Answer::accepted(&state.operate("Downloading image", "", |state| {
        if state.images.contains_key(&key) {
            return Err("Image with same fingerprint already exists".to_owned());
        }
        for alias in aliases {
            state.add_image_alias(&key.0, &alias, &key.1);
        }
        state.images.insert(key, image);
        Ok(())
    }))
}
