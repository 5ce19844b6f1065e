//! What is said of an image: its properties and aliases.

use serde_json::json;

use super::plan::{Fate, Work};
use crate::incus::{Client, Image, ImageAlias};
use crate::model::AliasName;
use crate::progress::Progress;
use crate::restore::RestoreError;

/// Brings what is said of an image into line with its record.
pub(super) async fn finish(
    client: &Client,
    work: &Work,
    record: &Image,
    progress: &dyn Progress,
) -> Result<(), RestoreError> {
    let found = client.image(&work.project, &work.content).await?;
    let (_, etag) = found.ok_or(RestoreError::NoImage(work.content))?;
    // By a PUT afterwards: the header for properties writes into a map that an image without any does
    // not have (`images.go`, `getImgPostInfo`).
    let body = json!({
        "auto_update": record.auto_update,
        "properties": record.properties.clone().unwrap_or_default(),
        "public": record.public,
        "expires_at": record.raw["expires_at"],
        "profiles": work.profiles,
    });
    client
        .update_image(&work.project, &work.content, body, &etag)
        .await?;
    for (name, fate) in &work.aliases {
        let known = record.aliases().iter();
        let mut known = known.filter(|alias| alias.name == name.as_str());
        let alias = known.next().cloned().unwrap_or_else(|| ImageAlias {
            name: name.to_string(),
            description: String::new(),
        });
        give(client, work, (name, &alias, *fate), progress).await?;
    }
    if record.auto_update && record.update_source.is_some() {
        progress.warn(&format!(
            "image `{}`: the server cannot be told where it is updated from, so it is not",
            work.content
        ));
    }
    Ok(())
}

async fn give(
    client: &Client,
    work: &Work,
    (name, alias, fate): (&AliasName, &ImageAlias, Fate),
    progress: &dyn Progress,
) -> Result<(), RestoreError> {
    let (project, content) = (&work.project, &work.content);
    // The world may have moved since the plan was made.
    match client.alias_target(project, name).await? {
        None => client.create_alias(project, alias, content).await?,
        Some(target) if target == *content || fate == Fate::Move => {
            let description = &alias.description;
            client
                .update_alias(project, name, description, content)
                .await?;
        }
        Some(target) => progress.warn(&format!("alias `{name}` stays with image `{target}`")),
    }
    Ok(())
}
