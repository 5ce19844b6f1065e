//! Backups of the earlier tool: what a plan needs and their manifests do not say is in the archive.

use std::sync::Arc;

use super::apply::Context;
use super::description::Description;
use super::error::RestoreError;
use super::gather::Facts;
use super::plan::Work;
use super::request::Selection;
use super::select::select;
use crate::archive::{ContentType, Contents, Index};
use crate::incus::OperationError;
use crate::model::{InstanceName, InstanceType};
use crate::progress::Cancel;
use crate::retrieve;
use crate::target::{HookFacts, InstanceFacts, Manifest, Requires, StoredId, Target};

/// What the names of that tool's own snapshots begin with: it left them in its archives.
const SNAPSHOT: &str = "tmp-incus-backup-";

/// Reads what the archives of the versions that are meant say of themselves. One that cannot be read
/// is passed over: it fails when it is sent.
pub(super) async fn complete(
    target: &Arc<dyn Target>,
    selection: Selection,
    facts: &mut Facts,
) -> Result<(), RestoreError> {
    for (_, versions) in &mut facts.wanted {
        let Some(id) = select(versions, selection).ok().map(|it| it.id.clone()) else {
            continue;
        };
        let mut stored = versions.iter_mut().filter(|stored| stored.id == id);
        let manifest = stored.find_map(|stored| stored.manifest.as_mut());
        let Some(manifest) = manifest.filter(|manifest| manifest.is_legacy()) else {
            continue;
        };
        let (from, wanted) = (target.clone(), id.clone());
        let index = tokio::task::spawn_blocking(move || index(&*from, &wanted));
        match index.await.map_err(|_| RestoreError::Worker)? {
            Ok(index) => {
                let description = Description::of_index(&index);
                fill(manifest, &index, &description);
                facts.described.insert(id, description);
            }
            Err(error) => {
                tracing::warn!(%error, version = %id.version, "its index is not used");
            }
        }
    }
    Ok(())
}

fn index(target: &dyn Target, id: &StoredId) -> Result<Index, RestoreError> {
    let opened = target.open(id)?;
    let damaged = |cause| RestoreError::Damaged {
        version: id.version,
        cause,
    };
    let archive = opened.manifest().archive.as_ref();
    let archive = archive.ok_or_else(|| damaged(retrieve::Damage::Digest))?;
    retrieve::index(&*opened, archive).map_err(damaged)
}

/// Makes a manifest say what those of this program say.
fn fill(manifest: &mut Manifest, index: &Index, description: &Description) {
    let instance = description.instance();
    let text = |key: &str| instance[key].as_str().unwrap_or_default().to_owned();
    let needs = index.needs();
    // What was asked for need not have come.
    manifest.options.optimized = index.optimized;
    manifest.requires = Requires {
        profiles: needs.profiles,
        networks: needs.networks,
        volumes: needs.volumes,
        pools: vec![index.pool.clone()],
        images: Vec::new(),
    };
    manifest.instance = Some(InstanceFacts {
        instance_type: match index.content {
            ContentType::VirtualMachine => InstanceType::VirtualMachine,
            _ => InstanceType::Container,
        },
        architecture: text("architecture"),
        status: text("status"),
        pool: index.pool.parse().ok(),
        driver: Some(index.backend.clone()),
        snapshots: index.snapshots.clone(),
        missing_snapshots: Vec::new(),
        hooks: HookFacts::default(),
    });
}

/// Deletes the snapshots that the earlier tool made for itself from what was just imported.
pub(super) async fn drop_snapshots(
    context: &Context,
    work: &Work,
    (name, contents): (&InstanceName, &Contents),
) -> Result<(), RestoreError> {
    if !work.stored.is_legacy() {
        return Ok(());
    }
    let client = &context.client;
    let own = contents.index.snapshots.iter();
    for snapshot in own.filter(|snapshot| snapshot.starts_with(SNAPSHOT)) {
        let Ok(snapshot) = snapshot.parse() else {
            continue;
        };
        let deleted = client
            .delete_snapshot(&work.project, name, &snapshot)
            .await?;
        match client.wait(&deleted, &Cancel::new(), |_| ()).await {
            Ok(()) | Err(OperationError::Vanished { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
