//! Backups of the earlier tool: what a plan needs and their manifests do not say is in the archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::Context;
use super::description::Description;
use super::error::RestoreError;
use super::plan::Work;
use super::request::Selection;
use super::select::select;
use crate::archive::{ContentType, Contents, Index};
use crate::incus::{Client, Exportable, Operation, OperationError};
use crate::model::{InstanceName, InstanceType, ResourceId, SnapshotName, VolumeContent};
use crate::progress::Cancel;
use crate::retrieve;
use crate::target::{
    HookFacts, InstanceFacts, Manifest, Requires, Stored, StoredId, Target, VolumeFacts,
};

/// What the names of that tool's own snapshots begin with: it left them in its archives.
const SNAPSHOT: &str = "tmp-incus-backup-";

/// Reads what the archives of the versions that are meant say of themselves. One that cannot be read
/// is passed over: it fails when it is sent.
pub(super) async fn complete(
    target: &Arc<dyn Target>,
    selection: Selection,
    wanted: &mut [(ResourceId, Vec<Stored>)],
) -> Result<BTreeMap<StoredId, Description>, RestoreError> {
    let mut described = BTreeMap::new();
    for (_, versions) in wanted {
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
            Ok((read, index)) => {
                let description = Description::of_index(&index);
                **manifest = read;
                fill(manifest, &index, &description);
                described.insert(id, description);
            }
            Err(error) => {
                tracing::warn!(%error, version = %id.version, "its index is not used");
            }
        }
    }
    Ok(described)
}

/// The manifest, which a listing need not have read, and the index.
fn index(target: &dyn Target, id: &StoredId) -> Result<(Manifest, Index), RestoreError> {
    let opened = target.open(id)?;
    let damaged = |cause| RestoreError::Damaged {
        version: id.version,
        cause,
    };
    let archive = opened.manifest().archive.as_ref();
    let archive = archive.ok_or_else(|| damaged(retrieve::Damage::Digest))?;
    let index = retrieve::index(&*opened, archive).map_err(damaged)?;
    Ok((opened.manifest().clone(), index))
}

/// Makes a manifest say what those of this program say.
fn fill(manifest: &mut Manifest, index: &Index, description: &Description) {
    // What was asked for need not have come.
    manifest.options.optimized = index.optimized;
    if let Some(content_type) = volume_content(index.content) {
        manifest.volume = Some(VolumeFacts {
            content_type,
            driver: index.backend.clone(),
            location: None,
            used_by: Vec::new(),
            snapshots: index.snapshots.clone(),
            missing_snapshots: Vec::new(),
        });
        return;
    }
    let instance = description.instance();
    let text = |key: &str| instance[key].as_str().unwrap_or_default().to_owned();
    let needs = index.needs();
    manifest.requires = Requires {
        profiles: needs.profiles,
        networks: needs.networks,
        volumes: needs.volumes,
        pools: vec![index.pool.clone()],
        images: Vec::new(),
    };
    manifest.instance = Some(InstanceFacts {
        location: None,
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

fn volume_content(content: ContentType) -> Option<VolumeContent> {
    match content {
        ContentType::Filesystem => Some(VolumeContent::Filesystem),
        ContentType::Block => Some(VolumeContent::Block),
        ContentType::Container | ContentType::VirtualMachine | ContentType::Bucket => None,
    }
}

/// The snapshots that the earlier tool made for itself and left in an archive.
fn its_own(stored: &Stored, contents: &Contents) -> Vec<SnapshotName> {
    let snapshots = contents.index.snapshots.iter();
    snapshots
        .filter(|snapshot| stored.is_legacy() && snapshot.starts_with(SNAPSHOT))
        .filter_map(|snapshot| snapshot.parse().ok())
        .collect()
}

/// Waits until a snapshot is deleted.
async fn wait(client: &Client, deleted: &Operation) -> Result<(), RestoreError> {
    match client.wait(deleted, &Cancel::new(), |_| ()).await {
        Ok(()) | Err(OperationError::Vanished { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the earlier tool's own snapshots from a volume that was just imported.
pub(super) async fn drop_volume_snapshots(
    context: &Context,
    stored: &Stored,
    (to, contents): (&Exportable, &Contents),
) -> Result<(), RestoreError> {
    let client = &context.client;
    for snapshot in its_own(stored, contents) {
        if let Some(deleted) = client.delete_volume_snapshot(to, &snapshot).await? {
            wait(client, &deleted).await?;
        }
    }
    Ok(())
}

/// Deletes the snapshots that the earlier tool made for itself from what was just imported.
pub(super) async fn drop_snapshots(
    context: &Context,
    work: &Work,
    (name, contents): (&InstanceName, &Contents),
) -> Result<(), RestoreError> {
    let client = &context.client;
    for snapshot in its_own(&work.stored, contents) {
        let deleted = client
            .delete_snapshot(&work.project, name, &snapshot)
            .await?;
        wait(client, &deleted).await?;
    }
    Ok(())
}
