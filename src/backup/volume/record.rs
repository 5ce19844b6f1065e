//! The manifest of what was stored.

use super::super::apply::Context;
use super::apply::VolumeSubject;
use crate::model::{Bytes, CompressionChoice, Consistency, Kind, Method, Version, VolumeContent};
use crate::target::{
    ArchiveFacts, Manifest, ManifestOptions, Moment, Requires, VolumeFacts, Written,
};

/// What was got of a volume's content.
pub(super) struct Held {
    pub(super) archive: ArchiveFacts,
    pub(super) snapshots: Vec<String>,
    pub(super) optimized: bool,
}

/// The name of the archive's file.
pub(super) fn archive_name(content: VolumeContent, compression: CompressionChoice) -> String {
    let form = match content {
        VolumeContent::Iso => "iso",
        VolumeContent::Filesystem | VolumeContent::Block => "tar",
    };
    format!("volume.{form}{}", compression.ending())
}

/// Describes an archive of so much, in so many members.
pub(super) fn archive_facts(
    context: &Context,
    file: String,
    written: Written,
    (size, members): (Bytes, u64),
) -> ArchiveFacts {
    ArchiveFacts {
        file,
        compression: context.options.compression.name().to_owned(),
        encryption: None,
        size,
        stored_size: written.size,
        sha256: written.sha256,
        members,
    }
}

/// Describes what was stored; without an archive only the volume's configuration was.
pub(super) fn describe(
    context: &Context,
    subject: &VolumeSubject,
    held: Option<Held>,
    moment: Option<Moment>,
) -> Manifest {
    let VolumeSubject {
        volume,
        pool,
        mounters,
        method,
        ..
    } = subject;
    let (archive, snapshots, optimized) = match held {
        Some(held) => (Some(held.archive), held.snapshots, held.optimized),
        None => (None, Vec::new(), false),
    };
    // A moment that is shared is one of a copy, whatever would have been chosen for it alone.
    let method = match moment {
        Some(_) if !method.copies() && volume.content_type != VolumeContent::Iso => {
            Method::InstantCopy
        }
        _ => *method,
    };
    let in_use = mounters.iter().any(|mounter| mounter.running);
    let consistency = if in_use {
        method.consistency()
    } else {
        Consistency::Consistent
    };
    let had = subject
        .snapshots
        .iter()
        .map(|snapshot| snapshot.name.clone());
    let running = mounters.iter().filter(|mounter| mounter.running);
    Manifest {
        format: Manifest::FORMAT,
        kind: Kind::Volume,
        source: context.source.clone(),
        server_version: context.client.server().version.clone(),
        project: Some(volume.project.clone()),
        pool: Some(pool.name.clone()),
        name: Some(volume.name.clone()),
        version: Version::now(),
        created_at: Version::now().timestamp(),
        run: context.run.to_string(),
        consistency,
        method,
        options: ManifestOptions {
            instance_only: context.options.instance_only,
            optimized,
        },
        encryption: None,
        archive,
        instance: None,
        volume: Some(VolumeFacts {
            content_type: volume.content_type,
            driver: pool.driver.clone(),
            location: volume.member(),
            used_by: running
                .map(|mounter| format!("{}/{}", mounter.project, mounter.name))
                .collect(),
            missing_snapshots: had.filter(|name| !snapshots.contains(name)).collect(),
            snapshots,
        }),
        bucket: None,
        moment,
        image: None,
        config: None,
        retention: volume.config.get("user.backup.retention").cloned(),
        requires: Requires {
            pools: vec![pool.name.to_string()],
            ..Requires::default()
        },
    }
}
