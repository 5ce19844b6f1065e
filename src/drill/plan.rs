//! What will be drilled (pure).

use crate::archive::Devices;
use crate::model::{InstanceName, InvalidName, Kind, ProjectName, RemoteName, RunId};
use crate::plan::{Action, Includes, Plan, Row, Step};
use crate::restore::{self, Permit};
use crate::target::Stored;
use crate::temporary::{instance_name, project_name};

/// What the drill of one version needs.
#[derive(Debug, Clone)]
pub struct Work {
    /// The version.
    pub stored: Stored,
    /// The project that is made for the copy.
    pub project: ProjectName,
    /// The name of the copy.
    pub name: InstanceName,
}

/// A drill was agreed to as a copy of that version, in a project that is made for it, without devices
/// but its root disk.
impl Includes<restore::Work> for Work {
    fn includes(&self, row: &Row, work: &restore::Work) -> bool {
        row.action == Action::Create
            && work.stored.id == self.stored.id
            && work.project == self.project
            && work.name == self.name
            && work.references.devices == Devices::Own
            && work.profiles.is_empty()
            && work.permit == Permit::Needless
            && !work.replace
    }
}

/// Plans the drill of versions: instances are drilled, everything else is checked without.
pub fn plan(chosen: &[Stored], remote: &RemoteName, run: &RunId) -> Plan<Work> {
    let steps = chosen.iter().zip(1..);
    let steps = steps.map(|(stored, number)| step(stored, remote, (run, number)));
    steps.collect()
}

fn step(stored: &Stored, remote: &RemoteName, (run, number): (&RunId, usize)) -> Step<Work> {
    let id = &stored.id;
    let row = |action| Row::new(action, &id.resource).version(id.version);
    if id.resource.kind() != Kind::Instance {
        let text = "checked as full: only instances are drilled";
        return Step::rest(row(Action::Keep).because(text));
    }
    let names = || -> Result<(ProjectName, InstanceName), InvalidName> {
        Ok((project_name(run, number)?, instance_name(run, number)?))
    };
    let (project, name) = match names() {
        Ok(names) => names,
        Err(error) => return Step::rest(row(Action::Refuse).because(&error.to_string())),
    };
    let row = row(Action::Create)
        .because(&format!(
            "a copy in a temporary project of `{remote}:`, without devices but its root disk"
        ))
        .because("started, and removed again");
    let stored = stored.clone();
    Step::work(
        row,
        Work {
            stored,
            project,
            name,
        },
    )
}
