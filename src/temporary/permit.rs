//! A project whose limits and restrictions are eased while something is imported into it.
//!
//! # Design
//!
//! Up to 6.0 at least, a project with limits or restrictions refuses every import, because archives
//! carry `volatile.*` keys, unless low-level configuration is allowed
//! (`checkRestrictionsOnVolatileConfig`). And where instances are counted, servers count an import
//! twice, so that the last one that a project may have is refused (seen on 6.0.4 and 7.0.2): the
//! count is raised by one. 7.0 takes what archives carry, but in a restricted project it lets nobody
//! change `volatile.*` keys afterwards, and a renamed instance must be given its cloud-init id again. What is to be put back is recorded on the project itself in the very
//! change that eases it, beside a key for each run that relies on it; whoever leaves last puts it
//! back, and the next run does so for those that were killed. No state of this is anywhere else, so
//! runs on several machines do not undo each other's.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::change::ChangeError;
use crate::incus::{Client, is_restricted};
use crate::model::{Liveness, ObjectId, ObjectKind, Owner, ProjectName, ResourceName};
use crate::progress::Progress;

/// The keys that let low-level configuration in, by what is imported.
const LOW_LEVEL: [&str; 2] = [
    "restricted.containers.lowlevel",
    "restricted.virtual-machines.lowlevel",
];
/// The value that does.
const ALLOW: &str = "allow";
/// The keys that count instances.
const COUNTS: [&str; 3] = [
    "limits.instances",
    "limits.containers",
    "limits.virtual-machines",
];
/// The key that holds what was there before, as JSON.
const BEFORE: &str = "user.incus-backup.before";
/// What the keys of the runs begin with.
const HOLDER: &str = "user.incus-backup.holder.";
/// How often a change that crosses another one is tried again.
const TRIES: u32 = 20;
/// How long is waited in between.
const PAUSE: Duration = Duration::from_millis(100);

type Config = BTreeMap<String, String>;

/// Whether a server takes the `volatile.*` keys that archives carry, whatever the project.
///
/// Seen on 7.0.2, and not on 6.0.4; `instance_nbd` came with 7.0.1.
pub fn takes_volatile_keys(client: &Client) -> bool {
    client.has("instance_nbd")
}

/// Which keys a run needs eased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Those that let low-level configuration in, and those that count.
    All,
    /// Those that count.
    Counts,
}

impl Need {
    /// What a server needs that does, or does not, take the `volatile.*` keys of archives.
    fn of(takes_volatile_keys: bool, project: &Config) -> Self {
        if takes_volatile_keys && !is_restricted(project) {
            Self::Counts
        } else {
            Self::All
        }
    }
}

/// What a key is while the project is eased; nothing where it stays.
fn eased(key: &str, before: Option<&str>) -> Option<String> {
    if LOW_LEVEL.contains(&key) {
        return Some(ALLOW.to_owned());
    }
    let count: u32 = before.filter(|_| COUNTS.contains(&key))?.parse().ok()?;
    Some(count.saturating_add(1).to_string())
}

/// What the keys that are eased were before any run of this program changed them.
pub fn before(config: &Config) -> BTreeMap<String, Option<String>> {
    let recorded = config.get(BEFORE);
    recorded
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| {
            let keys = LOW_LEVEL.iter().chain(&COUNTS);
            keys.map(|key| ((*key).to_owned(), config.get(*key).cloned()))
                .filter(|(key, value)| eased(key, value.as_deref()).is_some())
                .collect()
        })
}

/// A project's configuration as it is once no run relies on its being eased.
pub fn uneased(config: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    closed(config.clone(), |_| true)
}

/// Whether a configuration key of a project is there only while it is eased.
pub fn is_of_easing(key: &str) -> bool {
    key == BEFORE || key.starts_with(HOLDER)
}

fn holder(owner: &Owner) -> String {
    format!("{HOLDER}{}", owner.run())
}

/// Lets imports in, for a run.
fn opened(mut config: Config, owner: &Owner, need: Need) -> Config {
    let mut before = before(&config);
    if need == Need::Counts {
        before.retain(|key, _| COUNTS.contains(&key.as_str()));
    }
    if !config.contains_key(BEFORE) {
        let text = serde_json::to_string(&before).unwrap_or_default();
        config.insert(BEFORE.to_owned(), text);
    }
    for (key, value) in before {
        if let Some(eased) = eased(&key, value.as_deref()) {
            config.insert(key, eased);
        }
    }
    config.insert(holder(owner), owner.to_string());
    config
}

/// Forgets the runs that are gone; where none is left, puts back what was there before. What
/// somebody else has changed since stays.
fn closed(mut config: Config, is_gone: impl Fn(&Owner) -> bool) -> Config {
    let mut left = false;
    config.retain(|key, value| {
        let holder = key.starts_with(HOLDER);
        let stays = !holder || value.parse().is_ok_and(|owner: Owner| !is_gone(&owner));
        left |= holder && stays;
        stays
    });
    if left || !config.contains_key(BEFORE) {
        return config;
    }
    for (key, value) in before(&config) {
        let eased = eased(&key, value.as_deref());
        if eased.is_some() && config.get(&key) == eased.as_ref() {
            match value {
                Some(value) => config.insert(key, value),
                None => config.remove(&key),
            };
        }
    }
    config.remove(BEFORE);
    config
}

/// Lets imports into a project in, until [`close_project`].
pub async fn open_project(
    client: &Client,
    project: &ProjectName,
    owner: &Owner,
) -> Result<(), ChangeError> {
    let takes = takes_volatile_keys(client);
    edit(client, project, |config| {
        let need = Need::of(takes, &config);
        opened(config, owner, need)
    })
    .await?;
    Ok(())
}

/// Ends what [`open_project`] began for a run.
pub async fn close_project(
    client: &Client,
    project: &ProjectName,
    owner: &Owner,
) -> Result<(), ChangeError> {
    let is_gone = |other: &Owner| other.run() == owner.run() || other.liveness() == Liveness::Dead;
    edit(client, project, |config| closed(config, is_gone)).await?;
    Ok(())
}

/// Puts back what killed runs left open, and tells the user.
pub(super) async fn sweep_project(
    client: &Client,
    project: &ProjectName,
    progress: &dyn Progress,
) -> Result<(), ChangeError> {
    let is_gone = |owner: &Owner| owner.liveness() == Liveness::Dead;
    if edit(client, project, |config| closed(config, is_gone)).await? {
        progress.warn(&format!(
            "put the settings of project `{project}` back, changed by an earlier run"
        ));
    }
    Ok(())
}

/// Changes a project's configuration, unless the edit changes nothing; tells whether it did. A change
/// that crossed another one is made anew from what is there then.
async fn edit(
    client: &Client,
    name: &ProjectName,
    edit: impl Fn(Config) -> Config,
) -> Result<bool, ChangeError> {
    let id = ObjectId::of_server(ObjectKind::Project, ResourceName::from(name));
    let mut tries = TRIES;
    loop {
        let Some((project, etag)) = client.object(&id).await? else {
            return Ok(false);
        };
        let config: Config = serde_json::from_value(project["config"].clone()).unwrap_or_default();
        let changed = edit(config.clone());
        if changed == config {
            // Or it was made, and the answer was lost.
            return Ok(tries < TRIES);
        }
        let body = json!({ "description": project["description"], "config": changed });
        match client.replace_object(&id, body, &etag).await {
            Ok(()) => return Ok(true),
            Err(error) if (error.is_crossed() || error.is_passing()) && tries > 0 => {
                tries -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::RunId;

    fn is_eased(config: &Config) -> bool {
        config.keys().any(|key| key.starts_with(HOLDER))
            && LOW_LEVEL.iter().all(|key| config[*key] == ALLOW)
    }

    fn config(pairs: &[(&str, &str)]) -> Config {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[rstest]
    #[case::nothing_there(&[("limits.cpu", "2")])]
    #[case::blocked(&[("restricted", "true"), (LOW_LEVEL[0], "block")])]
    #[case::counted(&[("limits.instances", "1"), ("limits.containers", "x"), ("limits.cpu", "2")])]
    #[case::one_allowed(&[("restricted", "true"), (LOW_LEVEL[1], "allow")])]
    fn what_was_there_comes_back(#[case] pairs: &[(&str, &str)]) {
        let (before, owner) = (config(pairs), Owner::current(&RunId::begin()));
        let open = opened(before.clone(), &owner, Need::All);
        assert!(is_eased(&open));
        assert_ne!(open, before);
        // A second time changes nothing more.
        assert_eq!(opened(open.clone(), &owner, Need::All), open);
        assert_eq!(closed(open, |_| true), before);
    }

    #[test]
    fn the_last_of_several_runs_puts_it_back() {
        let before = config(&[("restricted", "true")]);
        let (a, b) = (
            Owner::current(&RunId::begin()),
            Owner::current(&RunId::begin()),
        );
        let both = opened(opened(before.clone(), &a, Need::All), &b, Need::All);
        let one = closed(both, |owner| owner == &a);
        assert!(is_eased(&one));
        assert_eq!(closed(one, |owner| owner == &b), before);
    }

    #[test]
    fn a_count_is_raised_by_one_however_many_runs_there_are() {
        let before = config(&[("limits.instances", "3"), ("limits.cpu", "4")]);
        let (a, b) = (
            Owner::current(&RunId::begin()),
            Owner::current(&RunId::begin()),
        );
        let open = opened(opened(before.clone(), &a, Need::All), &b, Need::All);
        assert_eq!(open["limits.instances"], "4");
        assert_eq!(open["limits.cpu"], "4");
        assert_eq!(closed(open, |_| true), before);
    }

    #[test]
    fn only_counts_are_raised_where_no_more_is_needed() {
        let before = config(&[("limits.cpu", "2"), ("limits.containers", "3")]);
        let owner = Owner::current(&RunId::begin());
        let need = Need::of(true, &before);
        assert_eq!(need, Need::Counts);
        assert_eq!(Need::of(false, &before), Need::All);
        assert_eq!(
            Need::of(true, &config(&[("restricted", "true")])),
            Need::All
        );
        let open = opened(before.clone(), &owner, need);
        assert_eq!(open["limits.containers"], "4");
        assert_eq!(open.get(LOW_LEVEL[0]), None);
        assert_eq!(closed(open, |_| true), before);
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_stays() {
        let owner = Owner::current(&RunId::begin());
        let mut open = opened(config(&[("limits.cpu", "2")]), &owner, Need::All);
        open.insert("limits.cpu".into(), "4".into());
        open.insert(LOW_LEVEL[0].into(), "block".into());
        assert_eq!(
            closed(open, |_| true),
            config(&[("limits.cpu", "4"), (LOW_LEVEL[0], "block")])
        );
    }

    #[test]
    fn a_record_names_no_other_keys_to_put_back() {
        let open = config(&[
            (
                BEFORE,
                r#"{"limits.cpu":"9","restricted.containers.lowlevel":null}"#,
            ),
            ("limits.cpu", "allow"),
            (LOW_LEVEL[0], "allow"),
        ]);
        assert_eq!(closed(open, |_| true), config(&[("limits.cpu", "allow")]));
    }

    #[test]
    fn a_project_that_no_run_changed_stays_as_it_is() {
        let own = config(&[(LOW_LEVEL[0], "allow"), (LOW_LEVEL[1], "allow")]);
        assert_eq!(closed(own.clone(), |_| true), own);
    }
}
