//! Which volumes go with which instance (pure).

use super::plan::Work;
use super::request::Options;
use super::volume::{VolumeFacts, VolumeWork};
use crate::model::{Kind, ResourceId, VolumeContent};
use crate::plan::{Plan, Row, Step};

/// What one step of a plan with groups needs.
#[derive(Debug)]
pub enum GroupWork {
    /// An instance, and the volumes whose rows follow its own.
    Instance(Work, Vec<VolumeWork>),
    /// One of those volumes: it is done with its instance.
    Member,
}

/// Joins instances with the volumes that they mount; gives the volumes that no instance of the plan
/// mounts as a plan of their own. A volume that several mount goes with the first (pure).
pub fn plan_groups(
    instances: Plan<Work>,
    volumes: Plan<VolumeWork>,
    facts: &VolumeFacts,
    options: Options,
) -> (Plan<GroupWork>, Plan<VolumeWork>) {
    let mut left = volumes.into_steps();
    let mut steps = Vec::new();
    for step in instances.into_steps() {
        let (row, work) = step.into_parts();
        let Some(work) = work else {
            steps.push(Step::rest(row));
            continue;
        };
        let mounted: Vec<ResourceId> = mounted_by(facts, &work);
        let (members, others): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|step| id_of(step.row()).is_some_and(|id| mounted.contains(&id)));
        left = others;
        let (mut rows, mut works) = (Vec::new(), Vec::new());
        let paused = paused(facts, &members, options);
        for member in members {
            let (row, volume) = member.into_parts();
            let Some(volume) = volume else {
                rows.push(Step::rest(row));
                continue;
            };
            let row = if paused.is_empty() || is_iso(facts, &row) {
                row
            } else {
                let reason = format!("crash-consistent: of one moment with `{}`", work.name);
                Row { reason, ..row }
            };
            rows.push(Step::work(row, GroupWork::Member));
            works.push(volume);
        }
        let row = if paused.is_empty() {
            row
        } else {
            row.because(&format!("{paused} paused while all of it is copied"))
        };
        steps.push(Step::work(row, GroupWork::Instance(work, works)));
        steps.extend(rows);
    }
    (Plan::new(steps), Plan::new(left))
}

/// The instances that are paused while these volumes and what mounts them are copied, as a list.
fn paused(facts: &VolumeFacts, members: &[Step<VolumeWork>], options: Options) -> String {
    if options.no_snapshot {
        return String::new();
    }
    let ids: Vec<ResourceId> = members
        .iter()
        .filter_map(|step| id_of(step.row()))
        .collect();
    let candidates = facts.candidates.iter();
    let mut names: Vec<String> = candidates
        .filter(|candidate| ids.contains(&candidate.id))
        .flat_map(|candidate| &candidate.mounters)
        .filter(|mounter| mounter.running)
        .map(|mounter| format!("`{}`", mounter.name))
        .collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

fn is_iso(facts: &VolumeFacts, row: &Row) -> bool {
    let id = id_of(row);
    let mut candidates = facts.candidates.iter();
    candidates.any(|candidate| {
        Some(&candidate.id) == id.as_ref() && candidate.circumstances.content == VolumeContent::Iso
    })
}

fn mounted_by(facts: &VolumeFacts, work: &Work) -> Vec<ResourceId> {
    let mounts = |mounter: &crate::incus::Mounter| {
        mounter.project == work.project && mounter.name == work.name
    };
    let candidates = facts.candidates.iter();
    candidates
        .filter(|candidate| candidate.mounters.iter().any(mounts))
        .map(|candidate| candidate.id.clone())
        .collect()
}

fn id_of(row: &Row) -> Option<ResourceId> {
    let (project, pool, name) = (row.project.clone()?, row.pool.clone()?, row.name.clone()?);
    Some(ResourceId::in_pool(Kind::Volume, project, pool, name))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use rstest::rstest;

    use super::super::method::Storage;
    use super::super::request::{IDLE, Scope};
    use super::super::volume::{VolumeCandidate, VolumeCircumstances, VolumeRequest, plan_volumes};
    use super::*;
    use crate::incus::{Exportable, Mounter};
    use crate::model::{CompressionChoice, ProjectName};
    use crate::plan::Action;
    use VolumeContent::{Filesystem, Iso};

    const OPTIONS: Options = Options {
        no_snapshot: false,
        optimized: false,
        instance_only: false,
        force: false,
        compression: CompressionChoice::None,
        retries: 0,
        idle: IDLE,
        parallel: NonZeroUsize::MIN,
        threads: NonZeroUsize::MIN,
    };

    /// The volume `tank/NAME`, mounted by instances; a `!` after a name says that it runs.
    fn volume(name: &str, content: VolumeContent, mounters: &[&str]) -> VolumeCandidate {
        let project = ProjectName::default_project();
        let mounter = |name: &&str| Mounter {
            project: project.clone(),
            name: name.trim_end_matches('!').parse().unwrap(),
            running: name.ends_with('!'),
            stopped: !name.ends_with('!'),
            ephemeral: false,
            last_used: String::new(),
        };
        let (pool, name) = ("tank".parse().unwrap(), name.parse().unwrap());
        let what = Exportable::volume(project.clone(), pool, name);
        let (pool, name) = ("tank".parse().unwrap(), what.name().clone());
        VolumeCandidate {
            id: ResourceId::in_pool(Kind::Volume, project.clone(), pool, name),
            what,
            driver: "dir".to_owned(),
            circumstances: VolumeCircumstances {
                content,
                in_use: mounters.iter().any(|name| name.ends_with('!')),
                storage: Storage::Plain,
            },
            mounters: mounters.iter().map(mounter).collect(),
            ambiguous: false,
            temporary: false,
            of_the_server: false,
            excluded: false,
            backups_allowed: true,
            exportable: true,
            stored: None,
        }
    }

    /// An instance that is backed up, or with a `-` before its name is not.
    fn instance(name: &str) -> Step<Work> {
        let project = ProjectName::default_project();
        let action = if name.starts_with('-') {
            Action::Skip
        } else {
            Action::Create
        };
        let name = name.trim_start_matches('-').parse().unwrap();
        let id = ResourceId::instance(project.clone(), &name);
        Step::work(
            Row::new(action, &id),
            Work {
                project,
                name,
                location: "none".to_owned(),
            },
        )
    }

    const TOGETHER: &str = "crash-consistent: of one moment with `web`";
    const ALONE: &str = "crash-consistent: `web` paused while it is copied";

    #[rstest]
    #[case::still(&["web"], vec![volume("a", Filesystem, &["web"])], OPTIONS,
        &[("web", ""), ("tank/a", "consistent: nothing that runs mounts it")], &[])]
    #[case::running(&["web"], vec![volume("a", Filesystem, &["web!"]), volume("b", Filesystem, &[])],
        OPTIONS,
        &[("web", "`web` paused while all of it is copied"), ("tank/a", TOGETHER)],
        &[("tank/b", "consistent: nothing that runs mounts it")])]
    #[case::with_another_that_runs(&["web"], vec![volume("a", Filesystem, &["db!", "web"])], OPTIONS,
        &[("web", "`db` paused while all of it is copied"), ("tank/a", TOGETHER)], &[])]
    #[case::shared(&["web", "db"], vec![volume("a", Filesystem, &["db!", "web!"])], OPTIONS,
        &[("web", "`db`, `web` paused while all of it is copied"), ("tank/a", TOGETHER), ("db", "")],
        &[])]
    #[case::iso(&["web"], vec![volume("a", Iso, &["web!"]), volume("b", Filesystem, &["web!"])], OPTIONS,
        &[("web", "`web` paused while all of it is copied"),
            ("tank/a", "consistent: nothing writes to it"), ("tank/b", TOGETHER)], &[])]
    #[case::not_backed_up(&["-web"], vec![volume("a", Filesystem, &["web!"])], OPTIONS,
        &[("web", "")], &[("tank/a", ALONE)])]
    #[case::as_it_is(&["web"], vec![volume("a", Filesystem, &["web!"])],
        Options { no_snapshot: true, ..OPTIONS },
        &[("web", ""), ("tank/a", "inconsistent: exported while `web` may write to it")], &[])]
    #[case::refused(&["web"],
        vec![VolumeCandidate { backups_allowed: false, ..volume("a", Filesystem, &["web"]) }], OPTIONS,
        &[("web", ""), ("tank/a", "its project does not allow backups; an administrator can allow \
            them: `incus project set PROJECT restricted.backups=allow`")], &[])]
    fn volumes_go_with_the_first_instance_that_mounts_them(
        #[case] instances: &[&str],
        #[case] candidates: Vec<VolumeCandidate>,
        #[case] options: Options,
        #[case] together: &[(&str, &str)],
        #[case] alone: &[(&str, &str)],
    ) {
        let facts = VolumeFacts {
            candidates,
            missing: Vec::new(),
            free: None,
        };
        let scope = Scope::AllProjects;
        let volumes = plan_volumes(&VolumeRequest { scope, options }, &facts);
        let instances = instances.iter().map(|name| instance(name)).collect();
        let (groups, left) = plan_groups(instances, volumes, &facts, options);
        let told = |row: &Row| (row.subject(), row.reason.clone());
        let expected = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = |(name, reason): &(&str, &str)| ((*name).to_owned(), (*reason).to_owned());
            rows.iter().map(owned).collect()
        };
        assert_eq!(
            groups.rows().map(told).collect::<Vec<_>>(),
            expected(together)
        );
        assert_eq!(left.rows().map(told).collect::<Vec<_>>(), expected(alone));
        // What is done with an instance is what has rows as its members, in their order.
        let works = groups.into_steps().into_iter().map(Step::into_parts);
        let (mut members, mut works_of) = (0, 0);
        for (_, work) in works {
            match work {
                Some(GroupWork::Instance(_, volumes)) => works_of += volumes.len(),
                Some(GroupWork::Member) => members += 1,
                None => {}
            }
        }
        assert_eq!(members, works_of);
    }
}
