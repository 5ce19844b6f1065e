//! `protect` and `unprotect`.

use super::super::protect::{carry_out, scope};
use super::super::source::of_one_source;
use super::choose::versions;
use crate::cli::args::ConfigProtect;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::list::ProtectRequest;
use crate::model::ResourceId;
use crate::target::Protection;

/// Protects stored versions, or lets them go.
pub(in crate::cli) async fn protect(
    context: &Context,
    args: ConfigProtect,
    protection: Protection,
) -> Result<Exit, CommandError> {
    let target = context.target(&args.target, &args.answers).await?;
    let (remote, from) = (args.remote.as_ref(), args.source.from.as_ref());
    let stored = versions(context, &target, remote, from).await?;
    of_one_source(&stored)?;
    let request = ProtectRequest {
        resources: vec![ResourceId::config()],
        scope: scope(args.all_versions, args.versions),
        protection,
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
