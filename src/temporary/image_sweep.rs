//! Images that a killed restore left without what is said of them.
//!
//! A server takes an image and its aliases in one request, but nothing else of it. So an image comes
//! with one alias that names the process that restores it, and that alias goes last.

use std::collections::BTreeSet;

use super::change::{ChangeError, wait};
use super::{is_left_over, is_temporary};
use crate::incus::{Client, Image};
use crate::model::ProjectName;
use crate::progress::Progress;

/// Whether an image is one that some restore has not finished.
pub fn is_coming(image: &Image) -> bool {
    let mut aliases = image.aliases().iter();
    aliases.any(|alias| is_temporary(&alias.name))
}

/// Whether an image is one that a restore on this machine will not finish any more.
pub fn is_unfinished(image: &Image) -> bool {
    let mut aliases = image.aliases().iter();
    aliases.any(|alias| is_left_over(&alias.name))
}

/// Deletes the images of these projects that killed restores left unfinished, and tells the user.
///
/// What cannot be deleted is told of and left.
pub async fn sweep_images(
    client: &Client,
    projects: &BTreeSet<ProjectName>,
    progress: &dyn Progress,
) -> Result<(), ChangeError> {
    for project in projects {
        for image in client.images(project).await? {
            if image.project != *project || !is_unfinished(&image) {
                continue;
            }
            let name = image.fingerprint;
            let deleted = async {
                let operation = client.delete_image(project, &name).await?;
                wait(client, &operation).await
            };
            match deleted.await {
                Ok(()) => progress.warn(&format!(
                    "deleted image `{name}`, left unfinished by an earlier run"
                )),
                Err(error) => progress.warn(&format!(
                    "cannot delete image `{name}`, left unfinished by an earlier run: {error}"
                )),
            }
        }
    }
    Ok(())
}
