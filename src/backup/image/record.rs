//! The record and the manifest of an image that was stored.

use super::download::Filled;
use crate::backup::attempt::document;
use crate::backup::{BackupError, Context};
use crate::incus::Image;
use crate::model::{Consistency, Kind, Method, ResourceName, Version};
use crate::target::{ImageFacts, Manifest, ManifestOptions, Requires, Stored};

/// The file that holds what the server says of the image.
const RECORD: &str = "image.json";

/// Writes the record and commits the version. Blocks.
pub(super) fn commit(
    context: &Context,
    image: &Image,
    (mut draft, files): Filled,
) -> Result<Stored, BackupError> {
    let record = serde_json::json!({ "image": image.raw });
    draft.describe(RECORD, &document(&record)?)?;
    let aliases = image.aliases().iter().map(|alias| alias.name.clone());
    let manifest = Manifest {
        format: Manifest::FORMAT,
        kind: Kind::Image,
        source: context.source.clone(),
        server_version: context.client.server().version.clone(),
        project: Some(image.project.clone()),
        pool: None,
        name: Some(ResourceName::from(&image.fingerprint)),
        version: Version::now(),
        created_at: Version::now().timestamp(),
        run: context.run.to_string(),
        // The files of an image never change.
        consistency: Consistency::Consistent,
        method: Method::Direct,
        options: ManifestOptions {
            instance_only: false,
            optimized: false,
        },
        encryption: None,
        archive: Some(files.main),
        instance: None,
        image: Some(ImageFacts {
            image_type: image.image_type,
            architecture: image.architecture.clone(),
            description: image.property("description").map(str::to_owned),
            aliases: aliases.collect(),
            content: files.content,
            uploaded_at: image.uploaded_at.clone(),
            metadata: files.metadata,
        }),
        config: None,
        volume: None,
        bucket: None,
        moment: None,
        retention: image.property("user.backup.retention").map(str::to_owned),
        requires: Requires {
            profiles: image.profiles.clone().unwrap_or_default(),
            ..Requires::default()
        },
    };
    Ok(draft.commit(manifest)?)
}
