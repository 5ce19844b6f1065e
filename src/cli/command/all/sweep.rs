//! What earlier runs left, whatever it is.

use std::collections::BTreeSet;

use super::super::image::sweep_all_images;
use super::super::volume::sweep_both;
use crate::cli::context::Context;
use crate::cli::failure::CommandError;
use crate::incus::Client;
use crate::model::ProjectName;

/// Puts right what killed runs left, in whatever project.
pub(super) async fn sweep_everything(
    context: &Context,
    client: &Client,
) -> Result<(), CommandError> {
    let projects = client.projects().await?.into_iter();
    let projects: BTreeSet<ProjectName> = projects.map(|project| project.name).collect();
    sweep_both(context, client, &projects).await?;
    sweep_all_images(context, client).await
}
