//! What will be done (pure).

use std::collections::BTreeSet;

use super::gather::{Candidate, Facts, Unknown};
use crate::model::{Bytes, ProjectName, ResourceId, ResourceName, Sha256};
use crate::plan::{Action, Plan, Row, Step};
use crate::target::Stored;

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// The project.
    pub project: ProjectName,
    /// The image.
    pub fingerprint: Sha256,
    /// The versions that hold its files already, the best to share first.
    pub stored: Vec<Stored>,
}

/// Plans the backup of what was asked for.
pub fn plan(facts: &Facts) -> Plan<Work> {
    let mut seen = BTreeSet::new();
    let mut steps = Vec::new();
    for candidate in &facts.candidates {
        let again = !seen.insert(candidate.image.fingerprint);
        steps.push(step(facts, candidate, again));
    }
    steps.extend(facts.unknown.iter().map(unknown));
    Plan::new(steps)
}

/// The resource that an image of a project is.
pub(super) fn resource(project: &ProjectName, fingerprint: &Sha256) -> ResourceId {
    ResourceId::image(project.clone(), ResourceName::from(fingerprint))
}

fn step(facts: &Facts, candidate: &Candidate, again: bool) -> Step<Work> {
    let image = &candidate.image;
    let id = resource(&image.project, &image.fingerprint);
    let mut row = Row::new(Action::Create, &id);
    if image.cached && !candidate.named {
        row.action = Action::Skip;
        return Step::rest(row.because("cached: the server fetches it again when it needs it"));
    }
    if image.property("user.backup.exclude") == Some("true") && !candidate.named {
        row.action = Action::Skip;
        return Step::rest(row.because("user.backup.exclude is set"));
    }
    let aliases: Vec<&str> = image
        .aliases()
        .iter()
        .map(|alias| alias.name.as_str())
        .collect();
    if !aliases.is_empty() {
        row = row.because(&aliases.join(", "));
    } else if let Some(description) = image.property("description") {
        row = row.because(description);
    }
    if let Some(project) = &candidate.seen_from {
        row = row.because(&format!(
            "project `{project}` has no images of its own, but those of `{}`",
            image.project
        ));
    }
    let stored = facts.stored.get(&image.fingerprint);
    row = match (stored.and_then(|stored| stored.first()), again) {
        (Some(stored), _) => row.because(&format!(
            "its data is stored already, in version {}",
            stored.id.version
        )),
        (None, true) => row.because("its data is stored once, with that of the other project"),
        (None, false) => row.because(&format!("{} to store", Bytes(image.size))),
    };
    if image.is_oci() {
        row = row.because("made from an OCI image: its fingerprint cannot be checked");
    }
    let work = Work {
        project: image.project.clone(),
        fingerprint: image.fingerprint,
        stored: stored.cloned().unwrap_or_default(),
    };
    Step::work(row, work)
}

fn unknown(unknown: &Unknown) -> Step<Work> {
    let Unknown {
        project,
        asked,
        fitting,
    } = unknown;
    let row = Row::new(
        Action::Refuse,
        &ResourceId::unknown_image(project.clone(), asked),
    );
    Step::rest(row.because(&match fitting {
        0 => format!("`{asked}` is neither an alias nor the beginning of a fingerprint"),
        fitting => format!("`{asked}` is the beginning of {fitting} fingerprints"),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::gather::tests::image;
    use super::*;

    fn candidate(beginning: &str, named: bool) -> Candidate {
        Candidate {
            image: image(beginning, &format!("alias-{beginning}")),
            named,
            seen_from: None,
        }
    }

    #[test]
    fn an_image_of_two_projects_is_stored_once() {
        let mut other = candidate("a", false);
        other.image.project = "p".parse().unwrap();
        let facts = Facts {
            candidates: vec![candidate("a", false), other],
            ..Facts::default()
        };
        let plan = plan(&facts);
        let reasons: Vec<&str> = plan.rows().map(|row| row.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "alias-a; 7 B to store",
                "alias-a; its data is stored once, with that of the other project"
            ]
        );
    }

    #[test]
    fn a_cached_image_is_backed_up_only_by_its_name() {
        for (named, action) in [(false, Action::Skip), (true, Action::Create)] {
            let mut cached = candidate("a", named);
            cached.image.cached = true;
            let facts = Facts {
                candidates: vec![cached],
                ..Facts::default()
            };
            assert_eq!(plan(&facts).rows().next().unwrap().action, action);
        }
    }

    #[test]
    fn what_means_no_image_or_several_is_refused_with_its_name() {
        let unknown = |asked: &str, fitting| Unknown {
            project: ProjectName::default_project(),
            asked: asked.to_owned(),
            fitting,
        };
        let facts = Facts {
            unknown: vec![unknown("a/b", 0), unknown("ab", 2)],
            ..Facts::default()
        };
        let plan = plan(&facts);
        let reasons: Vec<(Option<&str>, &str)> = plan
            .rows()
            .map(|row| {
                (
                    row.name.as_ref().map(ResourceName::as_str),
                    row.reason.as_str(),
                )
            })
            .collect();
        assert_eq!(
            reasons,
            [
                (
                    None,
                    "`a/b` is neither an alias nor the beginning of a fingerprint"
                ),
                (Some("ab"), "`ab` is the beginning of 2 fingerprints")
            ]
        );
    }
}
