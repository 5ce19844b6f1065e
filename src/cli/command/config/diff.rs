//! `diff`.

use std::io;
use std::sync::Arc;

use super::super::source::stored_of;
use super::choose::{only_remotes, pick_readable, versions};
use crate::cli::args::ConfigDiff;
use crate::cli::context::{Context, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::config::{self, Comparison, Document, Filter, Secrets};
use crate::incus::Client;
use crate::model::{Kind, RemoteName, Version};
use crate::target::{Stored, Target};
use crate::ui::{Output, View, write_comparison};

/// Shows what differs between two sides.
pub(in crate::cli) async fn diff(
    context: &Context,
    args: ConfigDiff,
) -> Result<Exit, CommandError> {
    only_remotes(&args.remotes)?;
    let (old, new) = sides(context, &args).await?;
    let secrets = if args.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Masked
    };
    let comparison = config::compare(&old, &new, &Filter::from(&args.scope), secrets);
    for kind in &comparison.unknown {
        let text = format!(
            "the {} are not compared: one side does not know them",
            kind.plural()
        );
        context.progress.warn(&text);
    }
    let view = View::stdout(args.output.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_comparison(&mut out, &comparison, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(exit(&comparison, args.exit_code))
}

fn exit(comparison: &Comparison, exit_code: bool) -> Exit {
    if exit_code && !comparison.differences.is_empty() {
        Exit::Damaged
    } else if comparison.unknown.is_empty() {
        Exit::Done
    } else {
        Exit::Partial
    }
}

/// The two sides, as the arguments choose them.
async fn sides(context: &Context, args: &ConfigDiff) -> Result<(Document, Document), CommandError> {
    if let [first, second] = args.remotes.as_slice() {
        if args.version.is_some() || args.source.from.is_some() {
            return Err(CommandError::Usage(
                "two servers are compared with each other, not with a version".to_owned(),
            ));
        }
        let first = server(context, std::slice::from_ref(first)).await?;
        let second = server(context, std::slice::from_ref(second)).await?;
        return Ok((
            read(context, &first.0).await?,
            read(context, &second.0).await?,
        ));
    }
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    if let Some(with) = args.with {
        let (remote, from) = (args.remotes.first(), args.source.from.as_ref());
        let stored = versions(context, &target, remote, from).await?;
        let old = load(&target, &stored, args.version).await?;
        return Ok((old, load(&target, &stored, Some(with)).await?));
    }
    let (client, remote) = server(context, &args.remotes).await?;
    let source = match &args.source.from {
        Some(source) => source.clone(),
        None => source_of(&client, &remote)?.name,
    };
    let stored = stored_of(&target, &source, Kind::Config).await?;
    let old = load(&target, &stored, args.version).await?;
    Ok((old, read(context, &client).await?))
}

async fn load(
    target: &Arc<dyn Target>,
    stored: &[Stored],
    version: Option<Version>,
) -> Result<Document, CommandError> {
    let stored = pick_readable(target, stored, version).await?;
    Ok(config::load(target.clone(), stored.id.clone()).await?)
}

async fn server(
    context: &Context,
    arguments: &[String],
) -> Result<(Client, RemoteName), CommandError> {
    let config = context.config()?;
    let remote = names::resolve(&config, arguments)?.remote;
    Ok((context.connect(&config, &remote).await?, remote))
}

async fn read(context: &Context, client: &Client) -> Result<Document, CommandError> {
    let read = async { Ok(config::read(client).await?) };
    context.unless_cancelled(read).await
}
