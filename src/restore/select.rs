//! Which stored version is meant (pure).

use jiff::Timestamp;

use super::gather::Facts;
use super::request::{Request, Selection};
use crate::model::Version;
use crate::target::{State, Stored};

/// Whether something that was asked for is refused because what is stored of it is damaged.
pub fn lacks_undamaged(request: &Request, facts: &Facts) -> bool {
    facts
        .wanted
        .iter()
        .any(|(_, versions)| are_damaged(versions, request.selection))
}

/// The versions that are meant, of everything that was asked for.
pub fn selected<'a>(request: &Request, facts: &'a Facts) -> Vec<&'a Stored> {
    let wanted = facts.wanted.iter();
    wanted
        .filter_map(|(_, versions)| select(versions, request.selection).ok())
        .collect()
}

/// Whether none of the versions that are meant can be restored, because of damage.
pub(super) fn are_damaged(versions: &[Stored], selection: Selection) -> bool {
    let is_damaged = |stored: &Stored| match selection {
        Selection::Exactly(version) => stored.id.version == version,
        Selection::Newest => true,
        Selection::AsOf(moment) => stored.id.version.timestamp() <= moment,
    } && stored.state == State::Damaged;
    select(versions, selection).is_err() && versions.iter().any(is_damaged)
}

/// The version that is meant, or why there is none.
pub(super) fn select(versions: &[Stored], selection: Selection) -> Result<&Stored, String> {
    let complete = || {
        versions
            .iter()
            .filter(|stored| stored.state == State::Complete)
    };
    let exactly = |version: Version| versions.iter().find(|stored| stored.id.version == version);
    let newest = |until: Option<Timestamp>| {
        complete()
            .filter(|stored| until.is_none_or(|until| stored.id.version.timestamp() <= until))
            .max_by_key(|stored| stored.id.version)
    };
    match selection {
        Selection::Newest => newest(None).ok_or_else(|| match versions.len() {
            0 => "the target holds no version of it".to_owned(),
            _ => "none of its versions is complete".to_owned(),
        }),
        Selection::AsOf(moment) => newest(Some(moment))
            .ok_or_else(|| format!("it has no complete version that is not later than {moment}")),
        Selection::Exactly(version) => match exactly(version) {
            Some(stored) if stored.state == State::Complete => Ok(stored),
            Some(stored) => {
                let good = newest(None)
                    .map(|good| format!("; the newest complete one is {}", good.id.version))
                    .unwrap_or_default();
                Err(format!("version {version} is {}{good}", stored.state))
            }
            None => Err(format!("the target holds no version {version} of it")),
        },
    }
}
