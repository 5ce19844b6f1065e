//! The whole configuration of a server, and the files that it is kept in (pure).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{InvalidObject, Object};
use crate::model::{ObjectId, ObjectKind, ProjectName, ResourceName};

/// Objects by what names them.
pub type Objects = BTreeMap<ObjectId, Object>;

/// What is known of the objects of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Section {
    /// All of them.
    Objects(Objects),
    /// Some of them: whether there are others is not known.
    Part(Objects),
    /// Nothing, for this reason: there may be many.
    Unreadable(String),
}

/// The configuration of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Its objects, by kind. A kind that is not there is not known at all.
    pub sections: BTreeMap<ObjectKind, Section>,
    /// What the server says of itself, for the record.
    pub surroundings: Value,
}

/// A text that is not a file of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDocument {
    /// It is not JSON of the right shape, or a name in it is none.
    #[error("it is not a list of objects")]
    Shape(#[from] serde_json::Error),
    /// It holds another kind.
    #[error("it holds objects of another kind: {0}")]
    OtherKind(ObjectKind),
    /// An object in it is none.
    #[error("{0}")]
    Object(#[from] InvalidObject),
    /// An object lacks its project or parent, or has one that it cannot have.
    #[error("the place of {0} is not one of its kind")]
    Misplaced(String),
    /// Two objects have one name.
    #[error("it holds {0} twice")]
    Twice(String),
}

/// A file as it is written.
#[derive(Serialize, Deserialize)]
struct File {
    kind: ObjectKind,
    objects: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<ProjectName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<ResourceName>,
    name: ResourceName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<ResourceName>,
    #[serde(flatten)]
    object: Object,
}

/// The name of the file of a kind.
pub fn file_name(kind: ObjectKind) -> String {
    format!("{}.json", kind.plural())
}

/// Writes the objects of a kind: sorted, so that equal objects make equal files.
pub fn render(kind: ObjectKind, objects: &Objects) -> Result<Vec<u8>, serde_json::Error> {
    let entry = |(id, object): (&ObjectId, &Object)| Entry {
        project: id.project.clone(),
        parent: id.parent.clone(),
        name: id.name.clone(),
        member: id.member.clone(),
        object: object.clone(),
    };
    let objects = objects.iter().map(entry).collect();
    let mut bytes = serde_json::to_vec_pretty(&File { kind, objects })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the objects of a kind. Every name is parsed; nothing of a bad file is used.
pub fn parse(kind: ObjectKind, bytes: &[u8]) -> Result<Objects, InvalidDocument> {
    let file: File = serde_json::from_slice(bytes)?;
    if file.kind != kind {
        return Err(InvalidDocument::OtherKind(file.kind));
    }
    let mut objects = Objects::new();
    for entry in file.objects {
        let id = ObjectId {
            kind,
            project: entry.project,
            parent: entry.parent,
            name: entry.name,
            member: entry.member,
        };
        let placed = id.project.is_some() == kind.is_in_project()
            && id.parent.is_some() == kind.parent().is_some();
        if !placed {
            return Err(InvalidDocument::Misplaced(id.to_string()));
        }
        let name = id.to_string();
        if objects.insert(id, entry.object).is_some() {
            return Err(InvalidDocument::Twice(name));
        }
    }
    Ok(objects)
}

impl Document {
    /// Whether others of a kind than those that it holds may have been there.
    pub fn is_part(&self, kind: ObjectKind) -> bool {
        matches!(self.sections.get(&kind), Some(Section::Part(_)))
    }

    /// The objects of a kind, where they are known.
    pub fn objects(&self, kind: ObjectKind) -> Option<&Objects> {
        match self.sections.get(&kind) {
            Some(Section::Objects(objects) | Section::Part(objects)) => Some(objects),
            _ => None,
        }
    }

    /// An object, where it is known.
    pub fn object(&self, id: &ObjectId) -> Option<&Object> {
        self.objects(id.kind)?.get(id)
    }

    /// The kinds that could not be read, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (ObjectKind, &str)> {
        self.sections
            .iter()
            .filter_map(|(kind, section)| match section {
                Section::Unreadable(reason) => Some((*kind, reason.as_str())),
                Section::Objects(_) | Section::Part(_) => None,
            })
    }

    /// How many objects it holds.
    pub fn len(&self) -> usize {
        let counts = self.sections.values().map(|section| match section {
            Section::Objects(objects) | Section::Part(objects) => objects.len(),
            Section::Unreadable(_) => 0,
        });
        counts.sum()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::object::from_api;
    use super::*;

    /// A document of objects as the API gives them; every other kind is known to have none.
    pub(in crate::config) fn document(all: &[(ObjectKind, Value)]) -> Document {
        let mut document = Document::default();
        for kind in ObjectKind::ALL {
            let of_kind = all.iter().filter(|(of, _)| *of == kind);
            let objects = of_kind.map(|(kind, raw)| from_api(*kind, raw, None).unwrap());
            let section = Section::Objects(objects.collect());
            document.sections.insert(kind, section);
        }
        document
    }

    fn objects() -> Objects {
        let mut objects = Objects::new();
        for name in ["b", "a"] {
            let id = ObjectId::in_project(
                ObjectKind::Profile,
                "shop".parse().unwrap(),
                name.parse().unwrap(),
            );
            let object = Object {
                set: json!({ "config": { "x": "1" } })
                    .as_object()
                    .unwrap()
                    .clone(),
                ..Object::default()
            };
            objects.insert(id, object);
        }
        objects
    }

    #[test]
    fn what_is_written_is_read_and_sorted() {
        let bytes = render(ObjectKind::Profile, &objects()).unwrap();
        assert_eq!(parse(ObjectKind::Profile, &bytes).unwrap(), objects());
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.find("\"a\"").unwrap() < text.find("\"b\"").unwrap());
    }

    #[rstest]
    #[case("shop", "../../etc", "it is not a list of objects")]
    #[case("\"name\": \"a\"", "\"name\": \"..\"", "it is not a list of objects")]
    #[case(
        "\"name\": \"b\"",
        "\"name\": \"a\"",
        "it holds profile `a` (project shop) twice"
    )]
    #[case(
        "\"project\": \"shop\",",
        "",
        "the place of profile `a` is not one of its kind"
    )]
    #[case(
        "\"kind\": \"profile\"",
        "\"kind\": \"network\"",
        "it holds objects of another kind: network"
    )]
    fn what_was_tampered_with_is_refused(
        #[case] from: &str,
        #[case] to: &str,
        #[case] message: &str,
    ) {
        let text = String::from_utf8(render(ObjectKind::Profile, &objects()).unwrap()).unwrap();
        let error = parse(ObjectKind::Profile, text.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn keys_of_a_later_program_do_not_matter() {
        let text = r#"{ "kind": "profile", "later": 1,
            "objects": [{ "project": "shop", "name": "a", "later": {}, "set": {} }] }"#;
        assert_eq!(
            parse(ObjectKind::Profile, text.as_bytes()).unwrap().len(),
            1
        );
    }
}
