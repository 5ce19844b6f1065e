//! `files`: what a stored version holds, and files out of it.

mod diff;
mod get;
mod list;
mod put;
mod source;

use crate::cli::args::{InstanceFiles, VolumeFiles};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::model::Kind;

/// Looks into the backups of instances.
pub(in crate::cli) async fn instance(
    context: &Context,
    verb: InstanceFiles,
) -> Result<Exit, CommandError> {
    match verb {
        InstanceFiles::List(args) => list::list(context, args, Kind::Instance).await,
        InstanceFiles::Get(args) => get::get(context, args, Kind::Instance).await,
        InstanceFiles::Put(args) => put::put(context, args).await,
        InstanceFiles::Diff(args) => diff::diff(context, args, Kind::Instance).await,
    }
}

/// Looks into the backups of volumes.
pub(in crate::cli) async fn volume(
    context: &Context,
    verb: VolumeFiles,
) -> Result<Exit, CommandError> {
    match verb {
        VolumeFiles::List(args) => list::list(context, args, Kind::Volume).await,
        VolumeFiles::Get(args) => get::get(context, args, Kind::Volume).await,
        VolumeFiles::Diff(args) => diff::diff(context, args, Kind::Volume).await,
    }
}
