//! Whether a version fits the server that it is restored to, and what must be changed so that it does
//! (pure).

use std::collections::BTreeSet;

use super::description::{Description, references};
use super::gather::{Facts, Server};
use super::lacking::Lacking;
use super::request::Request;
use crate::archive::{Devices, Reference, References};
use crate::incus::Taken;
use crate::model::PoolName;
use crate::plan::{Lost, Saved};
use crate::target::Manifest;

/// A profile that is made before what needs it is imported.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedProfile {
    /// Its name.
    pub name: String,
    /// What it is, as the API takes it.
    pub content: serde_json::Value,
}

/// How a version is made to fit.
#[derive(Debug, Default)]
pub(super) struct Fitting {
    /// The pool of its root disk, where it is not the one that the backup names.
    pub(super) pool: Option<PoolName>,
    /// Other names, and what is taken out.
    pub(super) references: References,
    /// The profiles that are made.
    pub(super) profiles: Vec<SavedProfile>,
    /// What the user should know of it.
    pub(super) notes: Vec<String>,
    /// Why it does not fit; then nothing is done.
    pub(super) problems: Vec<String>,
}

/// What is looked at.
struct Look<'a> {
    request: &'a Request,
    facts: &'a Facts,
    server: &'a Server,
    manifest: &'a Manifest,
    description: Option<&'a Description>,
}

/// Fits a version to a project of a server.
pub(super) fn fit(
    request: &Request,
    facts: &Facts,
    server: &Server,
    (manifest, description): (&Manifest, Option<&Description>),
) -> Fitting {
    let look = Look {
        request,
        facts,
        server,
        manifest,
        description,
    };
    let own = manifest.instance.as_ref();
    let pool = own.and_then(|instance| instance.pool.as_ref());
    let mut fitting = Fitting {
        pool: pool.and_then(|pool| request.options.mapping.pools.get(pool).cloned()),
        ..Fitting::default()
    };
    look.profiles(&mut fitting);
    look.devices(&mut fitting);
    look.root_pool(&mut fitting);
    look.keys(&mut fitting);
    if let Some(own) = own
        && !facts.architectures.is_empty()
        && !facts.architectures.contains(&own.architecture)
    {
        let problem = format!("the server does not run {}", own.architecture);
        fitting.problems.push(problem);
    }
    fitting
}

impl Look<'_> {
    /// Whether the names in the archive stay as they are: the format of a storage driver cannot be
    /// rewritten on its way.
    fn is_rigid(&self) -> bool {
        self.manifest.options.optimized
    }

    fn profiles(&self, fitting: &mut Fitting) {
        let mapping = &self.request.options.mapping;
        let saved = self.description.map(Description::saved_profiles);
        let saved = saved.unwrap_or_default();
        let (mut missing, mut rigid) = (Vec::new(), Vec::new());
        for name in &self.manifest.requires.profiles {
            let new = mapping.profile(name);
            if new != name.as_str() {
                let note = format!("profile `{name}` becomes `{new}`");
                fitting.notes.push(note);
                if self.is_rigid() && !self.server.profiles.contains_key(name) {
                    rigid.push(name.clone());
                }
            }
            if let Some(devices) = self.server.profiles.get(new) {
                let devices = devices.iter().cloned();
                fitting.references.of_profiles.extend(devices);
                continue;
            }
            match saved.get(new) {
                Some(profile) if mapping.saved_profiles == Saved::BringBack => {
                    self.bring_back(new, profile, fitting);
                }
                _ => missing.push(new.to_owned()),
            }
        }
        let can_be_saved = |name: &String| saved.contains_key(name.as_str());
        let mut ways = "--profile-map OLD=NEW uses another".to_owned();
        if mapping.saved_profiles == Saved::Ignore && missing.iter().any(can_be_saved) {
            ways.push_str(", --with-profiles brings back what was saved with it");
        }
        fitting.lacks("profiles", &missing, &ways);
        fitting.lacks("profiles", &rigid, RIGID);
    }

    /// Has a profile made, with the names that things have on this server.
    fn bring_back(&self, name: &str, saved: &serde_json::Value, fitting: &mut Fitting) {
        let mut content = serde_json::json!({
            "name": name,
            "description": saved["description"],
            "config": saved["config"],
            "devices": saved["devices"],
        });
        let used: BTreeSet<_> = references(&content).into_iter().collect();
        let lacking = self.lacking(&used);
        let names = lacking.taken_out_of(self.request.options.mapping.references(), self.lost());
        if let Err(error) = names.rewrite_json(&mut content) {
            fitting.problems.push(error.to_string());
            return;
        }
        let of = format!("profile `{name}`");
        let pools: Vec<String> = lacking.pools.iter().cloned().collect();
        let ways = "--pool-map OLD=NEW uses others";
        fitting.lacks(&format!("pools of {of}"), &pools, ways);
        fitting.settle(lacking, &of, self.lost());
        let devices = content["devices"].as_object();
        let devices = devices.into_iter().flatten().map(|(device, _)| device);
        fitting.references.of_profiles.extend(devices.cloned());
        fitting.notes.push(format!("brings back {of}"));
        fitting.profiles.push(SavedProfile {
            name: name.to_owned(),
            content,
        });
    }

    /// An older server refuses an import with a key that it does not know, and only when it has all of it.
    fn keys(&self, fitting: &mut Fitting) {
        let (Some(known), Some(description)) = (&self.facts.keys, self.description) else {
            return;
        };
        let (mut unknown, mut dispensable) = (Vec::new(), Vec::new());
        for key in description.keys() {
            match known.takes(key) {
                Taken::Yes => {}
                Taken::Dispensable => dispensable.push(key.to_owned()),
                Taken::No => unknown.push(key.to_owned()),
            }
        }
        let drop = self.request.options.mapping.drop_unknown_keys;
        if self.is_rigid() {
            dispensable.append(&mut unknown);
            fitting.refuses_keys(
                &dispensable,
                "its optimized format cannot be rewritten on its way",
            );
            return;
        }
        if !unknown.is_empty() && drop {
            let names = quoted(&unknown);
            fitting
                .notes
                .push(format!("without {names}, which the server does not know"));
        } else {
            fitting.refuses_keys(&unknown, "--drop-unknown-keys restores without them");
            unknown.clear();
        }
        fitting.references.lost_keys.extend(unknown);
        fitting.references.lost_keys.extend(dispensable);
    }

    fn devices(&self, fitting: &mut Fitting) {
        let used = match self.description {
            Some(description) => description.references(),
            None => self.required(),
        };
        let snapshots = self.description.map(Description::references_of_snapshots);
        let lacking = self.lacking(&used);
        let of_profiles = std::mem::take(&mut fitting.references.of_profiles);
        let names = lacking.taken_out_of(self.request.options.mapping.references(), self.lost());
        let names = self
            .lacking(&snapshots.unwrap_or_default())
            .taken_out_of(names, self.lost());
        fitting.references = References {
            of_profiles,
            devices: match self.lost() {
                Lost::Isolate => Devices::Own,
                Lost::Refuse | Lost::Drop => Devices::All,
            },
            ..names
        };
        let networks: BTreeSet<&str> = used
            .iter()
            .filter_map(|(_, reference)| match reference {
                Reference::Network(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        for old in networks {
            let new = self.request.options.mapping.network(old);
            if new != old {
                let note = format!("network `{old}` becomes `{new}`");
                fitting.notes.push(note);
            }
        }
        fitting.settle(lacking, "", self.lost());
        if self.is_rigid() {
            let rigid = used
                .iter()
                .filter(|(_, it)| !self.has(it))
                .map(|(_, it)| it);
            let rigid: BTreeSet<String> = rigid.filter_map(shown).collect();
            let rigid: Vec<String> = rigid.into_iter().collect();
            fitting.lacks("networks or volumes", &rigid, RIGID);
        }
    }

    /// What a manifest alone says that devices refer to.
    fn required(&self) -> BTreeSet<(String, Reference)> {
        let requires = &self.manifest.requires;
        let networks = requires.networks.iter().cloned().map(Reference::Network);
        let volumes = requires.volumes.iter().filter_map(|volume| {
            let (pool, name) = volume.split_once('/')?;
            Some(Reference::Volume {
                pool: pool.to_owned(),
                name: name.to_owned(),
            })
        });
        networks
            .chain(volumes)
            .map(|it| ("?".to_owned(), it))
            .collect()
    }

    fn lost(&self) -> Lost {
        self.request.options.mapping.devices
    }

    /// What is not there of what devices refer to, by its new name.
    fn lacking(&self, used: &BTreeSet<(String, Reference)>) -> Lacking {
        Lacking::of(used, &self.request.options.mapping, self.server, self.facts)
    }

    fn has(&self, reference: &Reference) -> bool {
        match reference {
            Reference::Network(name) => self.server.networks.contains(name),
            Reference::Volume { pool, name } => {
                self.server.volumes.contains(&format!("{pool}/{name}"))
            }
            // The server is told another pool by a header.
            Reference::Root(_) => true,
        }
    }

    fn root_pool(&self, fitting: &mut Fitting) {
        let own = self.manifest.instance.as_ref();
        let named = own.and_then(|instance| instance.pool.as_ref());
        let Some(wanted) = fitting.pool.as_ref().or(named) else {
            return;
        };
        let Some(pool) = self.facts.pools.get(wanted) else {
            fitting.problems.push(format!(
                "missing pool: `{wanted}`; restore to another one with --pool-map {wanted}=POOL"
            ));
            return;
        };
        if let Some(stored) = own.and_then(|own| own.driver.as_ref())
            && self.is_rigid()
            && *stored != pool.driver
        {
            fitting.problems.push(format!(
                "its optimized format needs a {stored} pool, not {}",
                pool.driver
            ));
        }
    }
}

/// Why names that are changed after the import must be there before it.
const RIGID: &str =
    "its optimized format cannot be rewritten before it is imported, and names them";

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn shown(reference: &Reference) -> Option<String> {
    match reference {
        Reference::Network(name) => Some(name.clone()),
        Reference::Volume { pool, name } => Some(format!("{pool}/{name}")),
        Reference::Root(_) => None,
    }
}

impl Fitting {
    /// Refuses because of what is not there.
    fn lacks(&mut self, what: &str, names: &[String], ways: &str) {
        if names.is_empty() {
            return;
        }
        let names = quoted(names);
        self.problems
            .push(format!("missing {what}: {names} ({ways})"));
    }

    /// Refuses because of configuration keys.
    fn refuses_keys(&mut self, keys: &[String], ways: &str) {
        if !keys.is_empty() {
            let keys = quoted(keys);
            self.problems.push(format!(
                "the server is older than the one that this is of, and does not know {keys} ({ways})"
            ));
        }
    }

    /// Refuses because of devices that cannot be, or has them taken out.
    fn settle(&mut self, lacking: Lacking, of: &str, lost: Lost) {
        let of = match of {
            "" => String::new(),
            of => format!(" of {of}"),
        };
        let in_order = |names: BTreeSet<String>| names.into_iter().collect::<Vec<String>>();
        if lost == Lost::Refuse {
            let without = "--drop-missing-devices restores without the devices that need them";
            let ways = format!("--network-map OLD=NEW uses others, {without}");
            self.lacks(&format!("networks{of}"), &in_order(lacking.networks), &ways);
            let ways = format!("--pool-map OLD=NEW looks in others, {without}");
            self.lacks(&format!("volumes{of}"), &in_order(lacking.volumes), &ways);
            return;
        }
        if !lacking.devices.is_empty() {
            self.notes.push(format!(
                "without devices {}{of}, whose networks or volumes are missing: {}",
                quoted(&in_order(lacking.devices)),
                [in_order(lacking.networks), in_order(lacking.volumes)]
                    .concat()
                    .join(", ")
            ));
        }
    }
}
