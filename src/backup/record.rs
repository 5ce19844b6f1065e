//! The manifest of what was stored.

use super::apply::{Context, Subject};
use super::attempt::Taken;
use super::gather::is_running;
use super::store::StoredArchive;
use crate::archive::Contents;
use crate::model::{CompressionChoice, Kind, PoolName, ResourceName, Version};
use crate::target::{ArchiveFacts, InstanceFacts, Manifest, ManifestOptions, Requires};

/// The name of the archive's file.
pub(super) fn archive_name(compression: CompressionChoice) -> String {
    format!("export.tar{}", compression.ending())
}

/// Describes what was stored.
pub(super) fn describe(context: &Context, subject: &Subject, taken: Taken) -> Manifest {
    let Taken {
        archive,
        consistency,
        hooks,
        moment,
    } = taken;
    let instance = &subject.instance;
    let index = &archive.contents.index;
    let needs = index_needs(subject, &archive);
    let pool: PoolName = subject.pool.name.clone();
    let had = subject
        .snapshots
        .iter()
        .map(|snapshot| snapshot.name.clone());
    Manifest {
        format: Manifest::FORMAT,
        kind: Kind::Instance,
        source: context.source.clone(),
        server_version: context.client.server().version.clone(),
        project: Some(instance.project.clone()),
        pool: None,
        name: Some(ResourceName::from(&instance.name)),
        version: Version::now(),
        created_at: Version::now().timestamp(),
        run: context.run.to_string(),
        consistency,
        method: subject.method,
        options: ManifestOptions {
            instance_only: context.options.instance_only,
            optimized: index.optimized,
        },
        encryption: None,
        archive: Some(ArchiveFacts {
            file: archive_name(context.options.compression),
            compression: context.options.compression.name().to_owned(),
            encryption: None,
            size: archive.contents.size,
            stored_size: archive.written.size,
            sha256: archive.written.sha256,
            members: archive.contents.members,
        }),
        instance: Some(InstanceFacts {
            location: Some(instance.location.clone())
                .filter(|member| member != "none" && !member.is_empty()),
            instance_type: instance.instance_type,
            architecture: instance.architecture.clone(),
            status: instance.status.clone(),
            pool: Some(pool.clone()),
            driver: Some(subject.pool.driver.clone()),
            snapshots: index.snapshots.clone(),
            hooks,
            missing_snapshots: had.filter(|name| !index.snapshots.contains(name)).collect(),
        }),
        volume: None,
        bucket: None,
        moment,
        image: None,
        config: None,
        retention: instance
            .expanded_config
            .get("user.backup.retention")
            .cloned(),
        requires: Requires {
            pools: vec![pool.to_string()],
            ..needs
        },
    }
}

/// What a restore needs, by the true instance's own devices: a copy's have been taken out.
fn index_needs(subject: &Subject, archive: &StoredArchive<Contents>) -> Requires {
    let needs = if subject.method.copies() {
        crate::archive::Needs::of_instance(&subject.instance.raw)
    } else {
        archive.contents.index.needs()
    };
    Requires {
        profiles: needs.profiles,
        networks: needs.networks,
        volumes: needs.volumes,
        ..Requires::default()
    }
}

/// What a direct export of something that did not run is worth: nothing must have run meanwhile.
pub(super) fn still_consistent(before: &Subject, after: Option<&crate::incus::Instance>) -> bool {
    let last_used = |raw: &serde_json::Value| raw["last_used_at"].clone();
    after.is_some_and(|after| {
        !is_running(after) && last_used(&after.raw) == last_used(&before.instance.raw)
    })
}
