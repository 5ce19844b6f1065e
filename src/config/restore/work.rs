//! What applying one step needs.

use serde_json::Value;

use super::super::object::Object;
use super::stage::Phase;
use crate::model::ObjectId;

/// What is done to one object, and what it must be like before.
#[derive(Debug)]
pub struct Work {
    pub(super) phase: Phase,
    pub(super) id: ObjectId,
    pub(super) change: Change,
    pub(super) expected: Expected,
}

impl Work {
    /// When it is done in a restore that brings data back as well.
    pub fn phase(&self) -> Phase {
        self.phase
    }
}

/// What is done.
#[derive(Debug)]
pub(super) enum Change {
    /// It is made.
    Create(Object),
    /// What is left of an earlier attempt is deleted, and it is made.
    CreateAnew(Object),
    /// What can be changed of it is replaced.
    Update(Object),
    /// It is deleted.
    Delete,
    /// A server key is set; an empty value takes it away.
    SetKey(String),
}

/// What an object must be like.
#[derive(Debug, PartialEq)]
pub(super) enum Expected {
    /// Not there.
    Absent,
    /// As this.
    Like(Value),
    /// There, whatever it is like: an earlier step makes it.
    Present,
}

/// What of an object is given back, and so compared before it is changed.
pub(super) fn given(id: &ObjectId, object: &Object) -> Value {
    let mut declared = object.declared();
    if let Some(fields) = declared.as_object_mut() {
        // Snapshots come back with the data.
        fields.retain(|field, _| field != "snapshots");
        if id.kind == crate::model::ObjectKind::Project && id.name.as_str() == "default" {
            // The features of the default project are the server's.
            if let Some(config) = fields.get_mut("config").and_then(Value::as_object_mut) {
                config.retain(|key, _| !key.starts_with("features."));
            }
        }
    }
    declared
}
