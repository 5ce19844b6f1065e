//! Marks and names of temporary objects.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::{
    InstanceName, InvalidName, InvalidOwner, Liveness, Owner, ProjectName, ResourceName, RunId,
};

/// The configuration key that names the run and process that made an instance.
const OWNER: &str = "user.incus-backup";
/// The configuration key that says what a temporary instance is for.
const ROLE: &str = "user.incus-backup.role";
/// The configuration key that names the instance that a temporary one stands for.
const NAME: &str = "user.incus-backup.name";
/// The configuration key that says what a volume must be attached to again.
pub(super) const REATTACH: &str = "user.incus-backup.reattach";
/// The configuration key that says what cloud-init knows an instance by once it has its name.
const IDENTITY: &str = "user.incus-backup.identity";
/// What cloud-init knows an instance by. The server gives it another value when it renames the instance
/// (`resetInstanceID`, seen on 6.0.4), so that cloud-init makes new host keys, and users again.
pub(super) const INSTANCE_ID: &str = "volatile.cloud-init.instance-id";
/// What every name of a temporary object begins with.
const PREFIX: &str = "incus-backup-tmp-";

/// What a temporary instance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A copy that is exported and deleted.
    Copy,
    /// A restored copy that is started to see it run, or the project that it is in.
    Drill,
    /// A restored instance that has not yet taken the name of the one it replaces.
    Incoming,
    /// An instance that is being replaced; it was running.
    AsideRunning,
    /// An instance that is being replaced; it was stopped.
    AsideStopped,
    /// An instance that is paused for a moment, and must go on.
    Paused,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Drill => "drill",
            Self::Incoming => "incoming",
            Self::AsideRunning => "aside-running",
            Self::AsideStopped => "aside-stopped",
            Self::Paused => "paused",
        }
    }

    /// Whether it is the old instance of a replacement: somebody's only copy.
    pub fn is_aside(self) -> bool {
        matches!(self, Self::AsideRunning | Self::AsideStopped)
    }
}

/// A mark that cannot be understood: whoever wrote it, the object is not touched.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMark {
    /// Who made it is not said.
    #[error("{0}")]
    Owner(#[from] InvalidOwner),
    /// The name is none.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// What it is for is not said.
    #[error("`{0}` is not a role of a temporary instance")]
    Role(String),
}

/// What a temporary instance or volume says about itself; `N` is how such a thing is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<N = InstanceName> {
    /// Who made it.
    pub owner: Owner,
    /// What it is for.
    pub role: Role,
    /// The thing that it stands for.
    pub name: N,
}

/// Every key that a mark may have.
pub const MARK_KEYS: [&str; 5] = [OWNER, ROLE, NAME, REATTACH, IDENTITY];

/// Whether a configuration key is part of a mark.
pub fn is_of_a_mark(key: &str) -> bool {
    MARK_KEYS.contains(&key)
}

/// Notes in a mark what cloud-init knows an instance by, so that it is still known by that when it has its
/// name.
pub fn remember_identity(config: &mut BTreeMap<String, String>) {
    if let Some(id) = config.get(INSTANCE_ID).cloned() {
        config.insert(IDENTITY.to_owned(), id);
    }
}

/// Gives an instance back what cloud-init knows it by, and leaves its mark.
pub(super) fn give_identity_back(config: &mut BTreeMap<String, String>) {
    if let Some(id) = config.get(IDENTITY).cloned() {
        config.insert(INSTANCE_ID.to_owned(), id);
    }
}

/// Takes a mark off a configuration.
pub(super) fn take_off(config: &mut BTreeMap<String, String>) {
    give_identity_back(config);
    take_off_alone(config);
}

/// Takes a mark off a configuration that keeps the instance id which it has now.
pub(super) fn take_off_alone(config: &mut BTreeMap<String, String>) {
    config.retain(|key, _| !is_of_a_mark(key));
}

/// Whether something carries a mark, understood or not.
pub fn is_marked(config: &BTreeMap<String, String>) -> bool {
    config.contains_key(OWNER)
}

/// Whether something of this name and configuration is there only for as long as a run works with it.
pub fn is_passing(name: &str, config: &BTreeMap<String, String>) -> bool {
    is_temporary(name) && is_marked(config)
}

impl<N> Mark<N>
where
    N: fmt::Display + FromStr<Err = InvalidName>,
{
    /// The mark as configuration.
    pub fn config(&self) -> [(&'static str, String); 3] {
        [
            (OWNER, self.owner.to_string()),
            (ROLE, self.role.as_str().to_owned()),
            (NAME, self.name.to_string()),
        ]
    }

    /// Reads the mark of a thing; `None` where there is none.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Option<Self>, InvalidMark> {
        let Some(owner) = config.get(OWNER) else {
            return Ok(None);
        };
        let text = |key: &str| config.get(key).map(String::as_str).unwrap_or_default();
        let role = match text(ROLE) {
            "copy" => Role::Copy,
            "drill" => Role::Drill,
            "incoming" => Role::Incoming,
            "aside-running" => Role::AsideRunning,
            "aside-stopped" => Role::AsideStopped,
            "paused" => Role::Paused,
            other => return Err(InvalidMark::Role(other.to_owned())),
        };
        Ok(Some(Self {
            owner: owner.parse()?,
            role,
            name: text(NAME).parse()?,
        }))
    }
}

/// The name of a run's `number`th temporary instance.
pub fn instance_name(run: &RunId, number: usize) -> Result<InstanceName, InvalidName> {
    format!("{PREFIX}{}-{number}", run.short()).parse()
}

/// The name of a run's `number`th temporary project.
pub fn project_name(run: &RunId, number: usize) -> Result<ProjectName, InvalidName> {
    format!("{PREFIX}{}-{number}", run.short()).parse()
}

/// Whether a name is one that [`project_name`], [`instance_name`] and [`volume_name`] give.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The name of a run's `number`th temporary volume.
pub fn volume_name(run: &RunId, number: usize) -> Result<ResourceName, InvalidName> {
    format!("{PREFIX}{}-{number}", run.short()).parse()
}

/// The name of what a process makes on a server and what has no configuration to say whose it is, a backup
/// or a key of a bucket: one that it has not given before.
///
/// The server tells the backups that it keeps apart by the instance's name, but not by its project
/// (`instances_backups`, seen on 6.0.4 and 7.0.2): two of one name, of instances of one name in two
/// projects, cannot be there at once.
pub fn owned_name(owner: &Owner) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{number}", owner.tag())
}

/// Whether something of such a name was made by a process of this machine that has ended.
///
/// Those of other machines are left to their expiry.
pub fn is_left_over(name: &str) -> bool {
    let tag = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.rsplit_once('-'))
        .map(|(tag, _)| tag);
    tag.is_some_and(|tag| Owner::liveness_of_tag(tag) == Liveness::Dead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_as_configuration() {
        let owner = Owner::current(&RunId::begin());
        for role in [
            Role::Copy,
            Role::Drill,
            Role::Incoming,
            Role::AsideRunning,
            Role::AsideStopped,
            Role::Paused,
        ] {
            let name: InstanceName = "web".parse().unwrap();
            let mark = Mark {
                owner: owner.clone(),
                role,
                name,
            };
            let config = mark.config().map(|(key, value)| (key.to_owned(), value));
            assert_eq!(Mark::read(&config.into()).unwrap(), Some(mark));
        }
    }

    #[test]
    fn an_instance_that_got_its_name_is_known_by_what_it_was() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut config = BTreeMap::from([pair(INSTANCE_ID, "before"), pair(OWNER, "me")]);
        remember_identity(&mut config);
        config.insert(INSTANCE_ID.to_owned(), "renamed".to_owned());
        take_off(&mut config);
        assert_eq!(config, BTreeMap::from([pair(INSTANCE_ID, "before")]));
        let mut without = BTreeMap::from([pair(OWNER, "me")]);
        remember_identity(&mut without);
        take_off(&mut without);
        assert_eq!(without, BTreeMap::new());
    }

    #[test]
    fn an_instance_without_a_mark_has_none_and_a_broken_one_is_an_error() {
        assert!(
            Mark::<InstanceName>::read(&BTreeMap::new())
                .unwrap()
                .is_none()
        );
        let broken = BTreeMap::from([(OWNER.to_owned(), "x".to_owned())]);
        assert!(Mark::<InstanceName>::read(&broken).is_err());
        assert!(is_marked(&broken));
    }

    #[test]
    fn a_backup_of_this_process_is_not_left_over() {
        let owner = Owner::current(&RunId::begin());
        let name = owned_name(&owner);
        assert_ne!(name, owned_name(&owner));
        assert!(!is_left_over(&name));
        // The start of the process, the last but one, tells it from a later one with its id.
        let mut parts: Vec<&str> = name.split('-').collect();
        let start = parts.len() - 2;
        parts[start] = "1";
        assert!(is_left_over(&parts.join("-")));
        assert!(!is_left_over("nightly"));
    }

    #[test]
    fn a_temporary_instance_has_a_valid_name() {
        let run = RunId::begin();
        let name = instance_name(&run, 12).unwrap();
        assert_eq!(
            name.as_str(),
            format!("incus-backup-tmp-{}-12", run.short())
        );
    }
}
