//! `delete`.

use super::super::delete::carry_out;
use super::super::source::of_one_source;
use super::choose::versions;
use crate::cli::args::ConfigDelete;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::list::{DeleteRequest, DeleteScope};
use crate::model::ResourceId;

/// Deletes stored versions.
pub(in crate::cli) async fn delete(
    context: &Context,
    args: ConfigDelete,
) -> Result<Exit, CommandError> {
    let target = context.target(&args.target, &args.answers).await?;
    let (remote, from) = (args.remote.as_ref(), args.source.from.as_ref());
    let stored = versions(context, &target, remote, from).await?;
    of_one_source(&stored)?;
    let request = DeleteRequest {
        resources: vec![ResourceId::config()],
        scope: if args.all_versions {
            DeleteScope::All
        } else {
            DeleteScope::Versions(args.versions)
        },
        force: args.force,
    };
    carry_out(
        context,
        target,
        (&request, &stored),
        &args.answers,
        &args.rows,
    )
    .await
}
