//! What must be known of custom volumes before anything can be planned: reads, and nothing else.

use std::collections::BTreeMap;

use super::super::error::BackupError;
use super::super::gather::{Sizes, TargetFacts, backups_allowed, is_excluded, projects};
use super::super::method::Storage;
use super::super::request::Scope;
use super::method::VolumeCircumstances;
use super::request::VolumeRequest;
use crate::incus::{Attachments, Client, Exportable, Mounter, Pool, Project, Volume};
use crate::model::{Bytes, Kind, ProjectName, ResourceId, ResourceName, Subject, VolumeContent};
use crate::temporary::Mark;

/// The extension of servers that export ISO volumes.
pub(super) const ISO: &str = "backup_iso";

/// What a plan is made from.
#[derive(Debug)]
pub struct VolumeFacts {
    /// The volumes that exist.
    pub candidates: Vec<VolumeCandidate>,
    /// The volumes that were asked for and do not exist.
    pub missing: Vec<ResourceId>,
    /// How much more can be written to the target.
    pub free: Option<Bytes>,
}

/// One volume, as far as the plan needs to know it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct VolumeCandidate {
    /// Which it is.
    pub id: ResourceId,
    /// Where it is on the server.
    pub what: Exportable,
    /// The driver of its pool.
    pub driver: String,
    /// What decides the method.
    pub circumstances: VolumeCircumstances,
    /// The instances that mount it.
    pub mounters: Vec<Mounter>,
    /// Several cluster members have one of that name.
    pub ambiguous: bool,
    /// It is a temporary volume of this program.
    pub temporary: bool,
    /// The server keeps its own things in it.
    pub of_the_server: bool,
    /// It carries `user.backup.exclude`.
    pub excluded: bool,
    /// Its project allows backups.
    pub backups_allowed: bool,
    /// The server can export its content.
    pub exportable: bool,
    /// What its newest stored version held and took.
    pub stored: Option<Sizes>,
}

/// Reads what the plan needs.
pub async fn gather_volumes(
    client: &Client,
    request: &VolumeRequest,
    target: &TargetFacts,
) -> Result<VolumeFacts, BackupError> {
    let world = World {
        client,
        pools: client.pools().await?,
        attachments: client.attachments().await?,
        own: client.own_volumes().await?,
        target,
    };
    let mut facts = VolumeFacts {
        candidates: Vec::new(),
        missing: Vec::new(),
        free: target.free,
    };
    let mut seen: BTreeMap<ProjectName, Project> = BTreeMap::new();
    for project in projects(client, &request.scope).await? {
        let home = project.of_volumes();
        if seen.contains_key(&home) {
            continue;
        }
        let home_project = client.project(&home).await?.unwrap_or(project);
        let found = world.candidates(&home_project).await?;
        seen.insert(home.clone(), home_project);
        match &request.scope {
            Scope::Named(_, subjects) => pick(&mut facts, &home, subjects, found),
            _ => facts.candidates.extend(found),
        }
    }
    Ok(facts)
}

/// Takes what was named, in the order in which it was.
fn pick(
    facts: &mut VolumeFacts,
    home: &ProjectName,
    subjects: &[Subject],
    mut found: Vec<VolumeCandidate>,
) {
    for subject in subjects {
        match found.iter().position(|it| subject.names(&it.id)) {
            Some(at) => facts.candidates.push(found.swap_remove(at)),
            None => facts.missing.push(subject.in_project(home.clone())),
        }
    }
}

struct World<'a> {
    client: &'a Client,
    pools: Vec<Pool>,
    attachments: Attachments,
    own: Vec<String>,
    target: &'a TargetFacts,
}

impl World<'_> {
    /// The volumes that live in a project, of every pool.
    async fn candidates(&self, project: &Project) -> Result<Vec<VolumeCandidate>, BackupError> {
        let mut candidates: Vec<VolumeCandidate> = Vec::new();
        for pool in &self.pools {
            let volumes = self.client.volumes(&pool.name, &project.name).await?;
            for volume in volumes.iter().filter(|it| it.project == project.name) {
                let candidate = self.candidate(project, pool, volume);
                match candidates.iter_mut().find(|known| known.id == candidate.id) {
                    Some(known) => known.ambiguous = true,
                    None => candidates.push(candidate),
                }
            }
        }
        Ok(candidates)
    }

    fn candidate(&self, project: &Project, pool: &Pool, volume: &Volume) -> VolumeCandidate {
        let (home, name) = (project.name.clone(), volume.name.clone());
        let id = ResourceId::in_pool(Kind::Volume, home, pool.name.clone(), name);
        let mounters = self
            .attachments
            .mounters(&project.name, &pool.name, &volume.name);
        let own = format!("{}/{}", pool.name, volume.name);
        VolumeCandidate {
            what: volume.exportable(&pool.name),
            driver: pool.driver.clone(),
            circumstances: circumstances(pool, volume, &mounters),
            mounters,
            ambiguous: false,
            temporary: is_temporary(volume),
            of_the_server: project.name.as_str() == "default" && self.own.contains(&own),
            excluded: is_excluded(&volume.config),
            backups_allowed: backups_allowed(&project.config),
            exportable: volume.content_type != VolumeContent::Iso || self.client.has(ISO),
            stored: self.target.newest.get(&id).copied(),
            id,
        }
    }
}

/// What decides how a volume is read.
pub(super) fn circumstances(
    pool: &Pool,
    volume: &Volume,
    mounters: &[Mounter],
) -> VolumeCircumstances {
    // A volume's own setting beats the pool's for volumes.
    let own = |key: &str| volume.config.get(key.strip_prefix("volume.")?);
    let config = |key: &str| own(key).or(pool.config.get(key)).map(String::as_str);
    VolumeCircumstances {
        content: volume.content_type,
        in_use: mounters.iter().any(|mounter| mounter.running),
        storage: Storage::of(&pool.driver, config),
    }
}

/// Whether it stands for another volume. One that carries a mark under its own name is what a
/// replacement left in its place, and a mark that cannot be understood is left alone.
fn is_temporary(volume: &Volume) -> bool {
    match Mark::<ResourceName>::read(&volume.config) {
        Ok(mark) => mark.is_some_and(|mark| mark.name != volume.name),
        Err(_) => true,
    }
}
