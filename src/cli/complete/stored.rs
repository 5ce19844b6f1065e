//! What a target holds, for whoever waits for a TAB.
//!
//! # Design
//!
//! A directory is read at once. restic takes half a second and more to open a repository, which is worth it
//! for names that nobody remembers, and is given up after [`PATIENCE`]. It is not asked where it, or what it
//! runs, might ask somebody: then its password must be in a file or in the environment itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::args::{LockWait, TargetChoice};
use super::super::environment::ResticPassword;
use super::live::{Asked, kind_of, short};
use super::words;
use crate::model::{Kind, SourceName};
use crate::target::{Access, Filter, Glance, Location, Stored};

/// How long restic may take to list a repository.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many letters of a fingerprint are not a word by chance.
const SHORTEST: usize = 4;

impl Asked {
    /// Where backups are, and how that is reached.
    fn place(&self) -> Option<(Location, Access)> {
        let choice = TargetChoice::plain(self.target.clone(), LockWait { lock_timeout: 0 }, false);
        let chosen = self.context.choice(&choice).ok()?;
        let access = self.context.access(&chosen, &choice);
        Some((chosen.location, access))
    }

    /// What a repository holds, if nobody needs to be asked for its password.
    fn glance(&self, location: &Location, access: &Access) -> Option<Glance> {
        let Location::Restic(repository) = location else {
            return None;
        };
        let said = self.context.environment.restic_password;
        if repository.password_file.is_none() && said != Some(ResticPassword::AtHand) {
            return None;
        }
        location.glance(access, PATIENCE)
    }

    /// The servers of which something is stored.
    pub(super) fn sources(&self) -> Option<Vec<SourceName>> {
        let (location, access) = self.place()?;
        match location {
            Location::Directory(_) => location.open(&access).ok()?.sources().ok(),
            Location::Restic(_) => Some(self.glance(&location, &access)?.sources),
        }
    }

    fn stored(&self, kind: Option<Kind>) -> Option<Vec<Stored>> {
        let (location, access) = self.place()?;
        let filter = Filter {
            source: self.from.as_deref().and_then(|from| from.parse().ok()),
            kind,
            resource: None,
        };
        let mut stored = match location {
            Location::Directory(_) => location.open(&access).ok()?.versions(&filter).ok()?,
            Location::Restic(_) => self.glance(&location, &access)?.stored,
        };
        stored.retain(|it| filter.fits(&it.id));
        if let Some(project) = &self.project {
            stored.retain(|it| it.id.resource.project() == Some(project));
        }
        Some(stored)
    }

    /// The names of what is stored; of a remote that is written out, or of any server.
    pub(super) fn stored_names(&self, kind: Option<Kind>, current: &str) -> Option<Vec<String>> {
        let prefix = current
            .split_once(':')
            .map(|(remote, _)| format!("{remote}:"));
        let mut stored = self.stored(kind)?;
        if let Some(prefix) = &prefix {
            let source = self.source(prefix)?;
            stored.retain(|it| it.id.source.as_str() == source);
        }
        let prefix = prefix.unwrap_or_default();
        let names = stored.iter().flat_map(names_of);
        let names: BTreeSet<String> = names.map(|name| format!("{prefix}{name}")).collect();
        Some(names.into_iter().collect())
    }

    /// The versions of what is named before; the newest first.
    pub(super) fn versions(&self) -> Option<Vec<String>> {
        let program = words().first().map(String::as_str).unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or(program);
        let first = self.plain.first().map(String::as_str).unwrap_or_default();
        let kind = kind_of(program).or_else(|| first.parse().ok());
        let stored = self.stored(kind)?;
        let named: Vec<&str> = self
            .plain
            .iter()
            .map(|word| word.split_once(':').map_or(word.as_str(), |(_, name)| name))
            .collect();
        let is_meant = |it: &&Stored| named.iter().any(|word| means(word, it));
        let meant: Vec<&Stored> = stored.iter().filter(is_meant).collect();
        let of = if meant.is_empty() {
            stored.iter().collect()
        } else {
            meant
        };
        let versions: BTreeSet<String> = of.iter().map(|it| it.id.version.to_string()).collect();
        Some(versions.into_iter().rev().collect())
    }
}

/// Whether a word means this resource.
fn means(word: &str, stored: &Stored) -> bool {
    let resource = &stored.id.resource;
    let begins = |name: &str| word.len() >= SHORTEST && name.starts_with(word);
    let is_image = resource.kind() == Kind::Image;
    names_of(stored).iter().any(|own| is_within(word, own))
        || (is_image && resource.name().is_some_and(|it| begins(it.as_str())))
}

/// Whether a word names this, or a file in it.
fn is_within(word: &str, name: &str) -> bool {
    let rest = word.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How a resource can be named on a command line.
fn names_of(stored: &Stored) -> Vec<String> {
    let resource = &stored.id.resource;
    let Some(name) = resource.name() else {
        return Vec::new();
    };
    let manifest = stored.manifest.as_ref();
    if resource.kind() == Kind::Image {
        let facts = manifest.and_then(|it| it.image.as_ref());
        let aliases = facts.map(|facts| facts.aliases.clone());
        let mut names = aliases.unwrap_or_default();
        names.push(short(name.as_str()));
        return names;
    }
    vec![match resource.pool() {
        Some(pool) => format!("{pool}/{name}"),
        None => name.to_string(),
    }]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web", "web", true)]
    #[case("web/etc/hosts", "web", true)]
    #[case("tank/data", "tank/data", true)]
    #[case("tank/data/photos", "tank/data", true)]
    #[case("tank/other", "tank/data", false)]
    #[case("webs", "web", false)]
    fn a_word_is_of_what_it_names(#[case] word: &str, #[case] name: &str, #[case] it_is: bool) {
        assert_eq!(is_within(word, name), it_is);
    }
}
