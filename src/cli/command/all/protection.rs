//! What of a server should have a backup, and what has none.

use std::io;
use std::sync::Arc;

use super::super::create::sizes;
use crate::backup::{self, Options, Request, Scope, TargetFacts, VolumeRequest, bucket};
use crate::cli::args::ListAll;
use crate::cli::context::{Context, blocking, cores, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::incus::Client;
use crate::model::{CompressionChoice, ResourceId, SourceName, Version};
use crate::plan::{Action, Row};
use crate::protection::{Least, Protection, Rule, Wanted, judge, wanted};
use crate::target::{Filter, Stored, Target};
use crate::ui::{Columns, Output, UnprotectedRow, View, write_rows};

/// Lists what has no recent backup; that there is something is told by the exit code.
pub(in crate::cli::command) async fn unprotected(
    context: &Context,
    args: ListAll,
) -> Result<Exit, CommandError> {
    let columns = Columns::<UnprotectedRow>::choose(args.list.rows.columns.as_deref())?;
    let config = context.config()?;
    let named = names::resolve(&config, &args.list.names)?;
    if !named.names.is_empty() {
        let text = "a whole server is looked at: write `REMOTE:`, or no name".to_owned();
        return Err(CommandError::Usage(text));
    }
    let target = context
        .target(&args.list.target, &(&args.list.answers).into())
        .await?;
    let client = context.connect(&config, &named.remote).await?;
    let source = match args.list.source.from.clone() {
        Some(source) => source,
        None => source_of(&client, &named.remote)?.name,
    };
    let least = if args.drilled {
        Least::Drilled
    } else if args.verified {
        Least::Verified
    } else {
        Least::Complete
    };
    let rule = Rule {
        least,
        max_age: args.max_age,
        now: Version::now().timestamp(),
    };
    let judging = protection(&client, (&target, &source), rule);
    let mut judged = context.unless_cancelled(judging).await?;
    if let Some(project) = &args.list.project {
        judged.retain(|it| it.resource.project() == Some(project));
    }
    let rows: Vec<UnprotectedRow> = judged
        .iter()
        .filter_map(|it| UnprotectedRow::of(&source, it, rule.now))
        .collect();
    let view = View::stdout(args.list.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(if rows.is_empty() {
        Exit::Done
    } else {
        Exit::Damaged
    })
}

/// How well everything on a server is protected.
pub(in crate::cli::command) async fn protection(
    client: &Client,
    (target, source): (&Arc<dyn Target>, &SourceName),
    rule: Rule,
) -> Result<Vec<Protection>, CommandError> {
    let filter = Filter {
        source: Some(source.clone()),
        ..Filter::default()
    };
    let reader = target.clone();
    let stored = blocking(move || reader.versions(&filter)).await??;
    let wanted = wanted_of(client, &stored).await?;
    Ok(judge(&wanted, &stored, rule))
}

/// What there should be backups of: what a backup of the whole server would back up. Images are left
/// out, for they can be had again, and so is the configuration where this client may not read it.
pub(super) async fn wanted_of<'a>(
    client: &Client,
    stored: impl IntoIterator<Item = &'a Stored>,
) -> Result<Vec<Wanted>, CommandError> {
    let options = options();
    let facts = TargetFacts {
        newest: sizes(stored),
        free: None,
    };
    let mut rows: Vec<Row> = Vec::new();
    if client.server().administrator {
        rows.push(Row::new(Action::Create, &ResourceId::config()));
    }
    let request = bucket::Request {
        scope: Scope::AllProjects,
        options,
    };
    let buckets = bucket::plan(&bucket::gather(client, &request).await?);
    rows.extend(buckets.rows().cloned());
    let request = VolumeRequest {
        scope: Scope::AllProjects,
        options,
    };
    let volumes = backup::gather_volumes(client, &request, &facts).await?;
    rows.extend(backup::plan_volumes(&request, &volumes).rows().cloned());
    let request = Request {
        scope: Scope::AllProjects,
        options,
    };
    let instances = backup::gather(client, &request, &facts).await?;
    rows.extend(backup::plan(&request, &instances).rows().cloned());
    Ok(wanted(&rows))
}

/// How `create` does it where nothing is said.
fn options() -> Options {
    Options {
        no_snapshot: false,
        optimized: false,
        instance_only: false,
        force: false,
        compression: CompressionChoice::DEFAULT,
        retries: 0,
        idle: backup::IDLE,
        parallel: parallel(None),
        threads: cores(),
    }
}
