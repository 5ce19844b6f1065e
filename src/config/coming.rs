//! What a server will have once a configuration is given back to it (pure).

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;
use super::object::Object;
use crate::model::{ObjectId, ObjectKind, PoolName, ProjectName, ResourceId};
use crate::plan::{Action, Coming, Row};

/// What the rows of a restore's plan make of a backup, and what of it is there already; the volumes
/// are those of `volumes`, which other steps bring back.
pub fn coming<'a>(
    backup: &Document,
    rows: impl IntoIterator<Item = &'a Row>,
    volumes: &[ResourceId],
) -> Coming {
    let there: BTreeSet<&ObjectId> = rows
        .into_iter()
        .filter(|row| !matches!(row.action, Action::Refuse | Action::Delete))
        .filter_map(|row| row.object.as_ref())
        .collect();
    let of_kind = |kind| {
        let objects = backup.objects(kind).into_iter().flatten();
        objects.filter(|(id, _)| there.contains(id))
    };
    let mut coming = Coming {
        serves_buckets: of_kind(ObjectKind::ServerKey)
            .any(|(id, _)| id.name.as_str() == "core.storage_buckets_address"),
        ..Coming::default()
    };
    for (id, pool) in of_kind(ObjectKind::StoragePool) {
        if let Ok(name) = id.name.as_str().parse::<PoolName>() {
            let driver = pool.made.get("driver").and_then(Value::as_str);
            coming
                .pools
                .insert(name, driver.unwrap_or_default().to_owned());
        }
    }
    for (id, project) in of_kind(ObjectKind::Project) {
        let Ok(name) = id.name.as_str().parse::<ProjectName>() else {
            continue;
        };
        let home = |feature: &str| home(&name, project, feature);
        let (profiles, networks) = (home("features.profiles"), home("features.networks"));
        let own_volumes = home("features.storage.volumes");
        let of = |kind, home: &ProjectName| {
            let home = home.clone();
            of_kind(kind).filter(move |(id, _)| id.project.as_ref() == Some(&home))
        };
        let entry = coming.projects.entry(name.clone()).or_default();
        for (id, profile) in of(ObjectKind::Profile, &profiles) {
            let devices = profile.set.get("devices").and_then(Value::as_object);
            let devices = devices.into_iter().flatten().map(|(name, _)| name.clone());
            entry
                .profiles
                .insert(id.name.to_string(), devices.collect());
        }
        for (id, _) in of(ObjectKind::Network, &networks) {
            entry.networks.insert(id.name.to_string());
        }
        for volume in volumes {
            if volume.project() == Some(&own_volumes) {
                entry.volumes.insert(volume.path());
            }
        }
    }
    coming
}

/// The project that a feature's objects are in: a project's own, or the default one's.
pub(super) fn home(name: &ProjectName, project: &Object, feature: &str) -> ProjectName {
    let config = project.config();
    let value = config.and_then(|config| config.get(feature));
    if value.and_then(Value::as_str) == Some("true") {
        name.clone()
    } else {
        ProjectName::default_project()
    }
}
