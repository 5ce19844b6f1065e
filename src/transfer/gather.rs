//! What both targets hold. Blocks, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Bytes, SourceName};
use crate::target::{Filter, SourceFacts, Stored, StoredId, Target, TargetError};

/// Whose backups a target has under a name; what kept it from telling, in words.
pub type Whose = Result<Option<SourceFacts>, String>;

/// What a plan is made of.
#[derive(Debug, Default)]
pub struct Facts {
    /// The versions that are meant, oldest first for each resource.
    pub wanted: Vec<Stored>,
    /// Which servers their sources are.
    pub sources: BTreeMap<SourceName, Whose>,
    /// What the other target holds of these sources.
    pub there: BTreeMap<StoredId, Stored>,
    /// Which servers the same sources are there.
    pub sources_there: BTreeMap<SourceName, Whose>,
    /// The versions that are meant and encrypted, and that no key at hand opens.
    pub locked: BTreeSet<StoredId>,
    /// How much more can be written there, where that can be told.
    pub free: Option<Bytes>,
}

/// Reads what both targets hold. The other one may not be there yet.
pub fn gather(
    from: &dyn Target,
    to: Option<&dyn Target>,
    wanted: Vec<Stored>,
) -> Result<Facts, TargetError> {
    let mut facts = Facts {
        wanted,
        ..Facts::default()
    };
    for stored in &facts.wanted {
        let name = &stored.id.source;
        if !facts.sources.contains_key(name) {
            facts.sources.insert(name.clone(), whose(from, name));
        }
    }
    for stored in facts.wanted.iter().filter(|it| it.is_encrypted()) {
        match from.open(&stored.id).and_then(|opened| opened.unlock()) {
            Err(TargetError::NoKey(_) | TargetError::OtherKey(_)) => {
                facts.locked.insert(stored.id.clone());
            }
            // Keys that were given and cannot be used are not passed over.
            Err(error) if error.is_key() => return Err(error),
            _ => {}
        }
    }
    let Some(to) = to else { return Ok(facts) };
    facts.free = to.free_space()?;
    for name in facts.sources.keys() {
        facts.sources_there.insert(name.clone(), whose(to, name));
        let filter = Filter {
            source: Some(name.clone()),
            ..Filter::default()
        };
        for stored in to.versions(&filter)? {
            facts.there.insert(stored.id.clone(), stored);
        }
    }
    Ok(facts)
}

fn whose(target: &dyn Target, name: &SourceName) -> Whose {
    let told = target.source(name);
    told.map_err(|error| crate::plan::messages(&error).join(": "))
}
