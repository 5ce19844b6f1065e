//! What must be known of buckets before anything can be planned: reads, and nothing else.

use std::collections::BTreeSet;

use crate::backup::gather::{backups_allowed, projects};
use crate::backup::{BackupError, Options, Scope};
use crate::incus::{Bucket, Client, Exportable, Pool, Project};
use crate::model::{Kind, ResourceId, Subject};
use crate::temporary::is_left_over;

/// The extension of servers that export buckets.
pub(super) const EXPORTS: &str = "storage_bucket_backup";

/// A request to back buckets of one server up.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which: of the project that the buckets of a project live in.
    pub scope: Scope<Subject>,
    /// How.
    pub options: Options,
}

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    /// The buckets that exist.
    pub candidates: Vec<Candidate>,
    /// The buckets that were asked for and do not exist.
    pub missing: Vec<ResourceId>,
    /// The server can export buckets.
    pub exports: bool,
}

/// One bucket, as far as the plan needs to know it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Candidate {
    /// Which it is.
    pub id: ResourceId,
    /// Where it is on the server.
    pub what: Exportable,
    /// The server serves it.
    pub served: bool,
    /// It has a key that the server can read its objects with.
    pub readable: bool,
    /// It has a key that may write, which an import needs.
    pub writable: bool,
    /// Its project allows backups.
    pub backups_allowed: bool,
    /// What its export will be compressed with, where that is known.
    pub compression: Option<String>,
}

/// Reads what the plan needs.
pub async fn gather(client: &Client, request: &Request) -> Result<Facts, BackupError> {
    let mut facts = Facts {
        exports: client.has(EXPORTS),
        ..Facts::default()
    };
    let pools = client.pools().await?;
    let service = client.bucket_service().await?;
    let mut seen = BTreeSet::new();
    for project in projects(client, &request.scope).await? {
        let home = project.of_buckets();
        if !seen.insert(home.clone()) {
            continue;
        }
        let project = client.project(&home).await?.unwrap_or(project);
        let own = project.config.get("backups.compression_algorithm");
        let compression = own.or(service.compression.as_ref());
        let mut found = candidates(client, &project, &pools).await?;
        for candidate in &mut found {
            candidate.compression = compression.cloned();
        }
        match &request.scope {
            Scope::Named(_, subjects) => pick(&mut facts, &project, subjects, found),
            _ => facts.candidates.extend(found),
        }
    }
    Ok(facts)
}

/// Takes what was named, in the order in which it was.
fn pick(facts: &mut Facts, project: &Project, subjects: &[Subject], mut found: Vec<Candidate>) {
    for subject in subjects {
        match found.iter().position(|it| subject.names(&it.id)) {
            Some(at) => facts.candidates.push(found.remove(at)),
            None => facts.missing.push(subject.in_project(project.name.clone())),
        }
    }
}

/// The buckets that live in a project, of every pool.
async fn candidates(
    client: &Client,
    project: &Project,
    pools: &[Pool],
) -> Result<Vec<Candidate>, BackupError> {
    let mut candidates = Vec::new();
    for pool in pools {
        let buckets = client.buckets(&pool.name, &project.name).await?;
        for bucket in buckets.iter().filter(|it| it.project == project.name) {
            candidates.push(candidate(client, project, pool, bucket).await?);
        }
    }
    Ok(candidates)
}

async fn candidate(
    client: &Client,
    project: &Project,
    pool: &Pool,
    bucket: &Bucket,
) -> Result<Candidate, BackupError> {
    let what = bucket.exportable(&pool.name);
    let mut keys = client.bucket_keys(&what).await?;
    // What a killed restore lent it goes before it is backed up.
    keys.retain(|key| !is_left_over(&key.name));
    let (home, name) = (project.name.clone(), bucket.name.clone());
    Ok(Candidate {
        id: ResourceId::in_pool(Kind::Bucket, home, pool.name.clone(), name),
        what,
        served: bucket.is_served(),
        readable: !keys.is_empty(),
        writable: keys.iter().any(crate::incus::BucketKey::may_write),
        backups_allowed: backups_allowed(&project.config),
        compression: None,
    })
}
