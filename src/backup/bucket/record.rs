//! The record and the manifest of a bucket that was stored.

use crate::archive::Contents;
use crate::backup::attempt::document;
use crate::backup::store::StoredArchive;
use crate::backup::{BackupError, Context};
use crate::incus::{Bucket, BucketKey};
use crate::model::{CompressionChoice, Kind, Method, ResourceId, Version};
use crate::target::{
    ArchiveFacts, BucketFacts, Draft, Manifest, ManifestOptions, Requires, Stored, StoredKey,
};

/// The file that holds what the server says of the bucket and its keys.
const RECORD: &str = "bucket.json";

/// The name of the archive's file.
pub(super) fn archive_name(compression: CompressionChoice) -> String {
    format!("bucket.tar{}", compression.ending())
}

/// A bucket as it was when its export began.
pub(super) struct Described {
    pub(super) id: ResourceId,
    pub(super) bucket: Bucket,
    pub(super) keys: Vec<BucketKey>,
    pub(super) driver: String,
}

/// Writes the record and commits the version. Blocks.
pub(super) fn commit(
    context: &Context,
    described: &Described,
    mut draft: Box<dyn Draft>,
    archive: &StoredArchive<Contents>,
) -> Result<Stored, BackupError> {
    let keys: Vec<_> = described.keys.iter().map(|key| &key.raw).collect();
    let record = serde_json::json!({ "bucket": described.bucket.raw, "keys": keys });
    draft.describe(RECORD, &document(&record)?)?;
    Ok(draft.commit(manifest(context, described, archive))?)
}

fn manifest(
    context: &Context,
    described: &Described,
    archive: &StoredArchive<Contents>,
) -> Manifest {
    let Described {
        id,
        bucket,
        keys,
        driver,
    } = described;
    let compression = context.options.compression;
    let key = |key: &BucketKey| StoredKey {
        name: key.name.clone(),
        role: key.role.clone(),
    };
    Manifest {
        format: Manifest::FORMAT,
        kind: Kind::Bucket,
        source: context.source.clone(),
        server_version: context.client.server().version.clone(),
        project: id.project().cloned(),
        pool: id.pool().cloned(),
        name: id.name().cloned(),
        version: Version::now(),
        created_at: Version::now().timestamp(),
        run: context.run.to_string(),
        consistency: Method::Live.consistency(),
        method: Method::Live,
        options: ManifestOptions {
            instance_only: false,
            optimized: false,
        },
        encryption: None,
        archive: Some(ArchiveFacts {
            file: archive_name(compression),
            compression: compression.name().to_owned(),
            encryption: None,
            size: archive.contents.size,
            stored_size: archive.written.size,
            sha256: archive.written.sha256,
            members: archive.contents.members,
        }),
        instance: None,
        volume: None,
        bucket: Some(BucketFacts {
            driver: driver.clone(),
            description: bucket.description.clone(),
            location: bucket.member(),
            size_limit: bucket.config.get("size").cloned(),
            keys: keys.iter().map(key).collect(),
        }),
        moment: None,
        image: None,
        config: None,
        retention: bucket.config.get("user.backup.retention").cloned(),
        requires: Requires {
            pools: id.pool().map(ToString::to_string).into_iter().collect(),
            ..Requires::default()
        },
    }
}
