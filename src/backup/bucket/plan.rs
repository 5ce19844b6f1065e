//! What will be done (pure).

use super::gather::{Candidate, Facts};
use crate::archive::UNPACKED;
use crate::incus::Exportable;
use crate::model::{Method, ResourceId};
use crate::plan::{Action, Plan, Row, Step};

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// Which bucket.
    pub id: ResourceId,
    /// Where it is on the server.
    pub what: Exportable,
}

/// Plans the backup of what was asked for.
pub fn plan(facts: &Facts) -> Plan<Work> {
    let mut steps: Vec<Step<Work>> = facts
        .candidates
        .iter()
        .map(|candidate| step(facts, candidate))
        .collect();
    steps.extend(
        facts
            .missing
            .iter()
            .map(|id| Step::rest(Row::new(Action::Refuse, id).because("it does not exist"))),
    );
    Plan::new(steps)
}

fn step(facts: &Facts, candidate: &Candidate) -> Step<Work> {
    let row = |action| Row::new(action, &candidate.id);
    if let Some(reason) = obstacle(facts, candidate) {
        return Step::rest(row(Action::Refuse).because(&reason));
    }
    let consistency = Method::Live.consistency();
    let mut row = row(Action::Create).because(&format!(
        "{consistency}: read object by object, while others may write"
    ));
    if !candidate.writable {
        row = row.because("it has no key that may write: a restore lends it one for its time");
    }
    let work = Work {
        id: candidate.id.clone(),
        what: candidate.what.clone(),
    };
    Step::work(row, work)
}

/// Why it cannot be backed up, and what to do about it.
fn obstacle(facts: &Facts, candidate: &Candidate) -> Option<String> {
    if !facts.exports {
        return Some("this server cannot export buckets".to_owned());
    }
    if !candidate.served {
        return Some(
            "the server does not serve buckets, and reads their objects in no other way; it does \
             after `incus config set core.storage_buckets_address ADDRESS:PORT`"
                .to_owned(),
        );
    }
    if !candidate.readable {
        return Some(format!(
            "it has no key that the server could read its objects with; it gets one with \
             `incus storage bucket key create {} KEY --role read-only`",
            candidate.what.to_string().replace('/', " ")
        ));
    }
    if !candidate.backups_allowed {
        return Some(
            "its project does not allow backups; an administrator can allow them: \
             `incus project set PROJECT restricted.backups=allow`"
                .to_owned(),
        );
    }
    let compression = candidate.compression.as_deref()?;
    let name = compression.split_whitespace().next().unwrap_or_default();
    (!UNPACKED.contains(&name)).then(|| {
        format!(
            "the server compresses exports of buckets with {name}, which this program does not \
             read; it can be told otherwise: `incus config set backups.compression_algorithm=gzip`"
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::{Kind, PoolName, ProjectName, ResourceName};

    fn candidate() -> Candidate {
        let (project, pool): (_, PoolName) =
            (ProjectName::default_project(), "tank".parse().unwrap());
        let name: ResourceName = "photos".parse().unwrap();
        Candidate {
            id: ResourceId::in_pool(Kind::Bucket, project.clone(), pool.clone(), name.clone()),
            what: Exportable::bucket(project, pool, name),
            served: true,
            readable: true,
            writable: true,
            backups_allowed: true,
            compression: None,
        }
    }

    #[rstest]
    #[case::fine(|_: &mut Candidate| {}, "inconsistent: read object by object, while others may write")]
    #[case::packed(|it: &mut Candidate| it.compression = Some("zstd -3".into()), "inconsistent: read object by object")]
    #[case::read_only(|it: &mut Candidate| it.writable = false, "; it has no key that may write")]
    #[case::not_served(|it: &mut Candidate| it.served = false, "`incus config set core.storage_buckets_address ADDRESS:PORT`")]
    #[case::no_key(|it: &mut Candidate| it.readable = false, "`incus storage bucket key create tank photos KEY")]
    #[case::restricted(|it: &mut Candidate| it.backups_allowed = false, "restricted.backups=allow")]
    #[case::xz(|it: &mut Candidate| it.compression = Some("xz".into()), "compresses exports of buckets with xz")]
    fn a_bucket_is_read_or_refused_with_what_to_do(
        #[case] change: fn(&mut Candidate),
        #[case] reason: &str,
    ) {
        let mut candidate = candidate();
        change(&mut candidate);
        let facts = Facts {
            candidates: vec![candidate],
            exports: true,
            ..Facts::default()
        };
        let plan = plan(&facts);
        let row = plan.rows().next().unwrap();
        assert!(row.reason.contains(reason), "{}", row.reason);
        let fine = row.reason.starts_with("inconsistent");
        assert_eq!(row.action == Action::Create, fine);
    }

    #[test]
    fn a_server_that_cannot_export_is_told() {
        let facts = Facts {
            candidates: vec![candidate()],
            ..Facts::default()
        };
        let plan = plan(&facts);
        assert_eq!(plan.rows().next().unwrap().action, Action::Refuse);
    }
}
