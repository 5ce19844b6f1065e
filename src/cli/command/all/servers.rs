//! Several servers in one command: one that is down costs one row, never the others.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use crate::cli::context::{Context, source_of};
use crate::cli::failure::CommandError;
use crate::incus::{Client, Config, Throttle};
use crate::model::{RemoteName, ResourceId, SourceName};
use crate::plan::{Action, Approved, Failure, Outcome, Plan, Report, Row, Step, messages};
use crate::settings::Settings;
use crate::target::SourceFacts;

/// A server that is reached.
pub(super) struct Server {
    pub(super) remote: RemoteName,
    pub(super) client: Arc<Client>,
    pub(super) source: SourceFacts,
}

impl Server {
    /// Connects to a remote.
    pub(super) async fn reach(
        context: &Context,
        config: &Config,
        remote: &RemoteName,
        throttle: Option<Arc<Throttle>>,
    ) -> Result<Self, CommandError> {
        let client = context.connect(config, remote).await?.limited(throttle);
        Ok(Self {
            remote: remote.clone(),
            source: source_of(&client, remote)?,
            client: Arc::new(client),
        })
    }
}

/// The servers that are meant: those that are named, those of the settings, or the default remote.
pub(super) fn named(
    context: &Context,
    config: &Config,
    arguments: &[String],
) -> Result<Vec<RemoteName>, CommandError> {
    let mut remotes: Vec<RemoteName> = Vec::new();
    let mut add = |remote| {
        if !remotes.contains(&remote) {
            remotes.push(remote);
        }
    };
    for argument in arguments {
        let (remote, name) = config.split(argument)?;
        if !name.is_empty() {
            let text = "a whole server has no name: write `REMOTE:`".to_owned();
            return Err(CommandError::Usage(text));
        }
        add(remote);
    }
    if arguments.is_empty() {
        let folder = context.environment.incus.config_folder();
        for name in Settings::load(folder.as_deref())?.servers {
            let name = name.strip_suffix(':').unwrap_or(&name).to_owned();
            add(name.parse()?);
        }
    }
    if remotes.is_empty() {
        remotes.push(config.default_remote());
    }
    Ok(remotes)
}

/// Reaches every server at a time; gives those that are reached, and a plan of a row for each other
/// one, which says why it is not.
pub(super) async fn reach_each<W>(
    context: &Context,
    (config, remotes): (&Config, &[RemoteName]),
    throttle: Option<&Arc<Throttle>>,
) -> Result<(Vec<Server>, Plan<W>), CommandError> {
    let reaching = remotes
        .iter()
        .map(|remote| Server::reach(context, config, remote, throttle.cloned()));
    let mut servers: Vec<Server> = Vec::new();
    let mut refused = Vec::new();
    for (remote, reached) in remotes.iter().zip(join_all(reaching).await) {
        match reached {
            Err(CommandError::Interrupted) => return Err(CommandError::Interrupted),
            Err(error) => refused.push(refusal(&remote.as_str().parse()?, &error)),
            Ok(server) => {
                let fingerprint = server.source.fingerprint;
                // Its things would be stored twice, by runs that take each other's for their own.
                let same = servers
                    .iter()
                    .find(|it| it.source.fingerprint == fingerprint);
                match same {
                    Some(first) => {
                        let text = format!("it is the same server as `{}:`", first.remote);
                        let error = CommandError::Usage(text);
                        refused.push(refusal(&server.source.name, &error));
                    }
                    None => servers.push(server),
                }
            }
        }
    }
    Ok((servers, Plan::new(refused)))
}

/// The plans of several servers as one; a server that cannot be planned has a row that says why.
pub(super) fn join<W>(
    servers: &[Server],
    plans: Vec<Result<Plan<W>, CommandError>>,
    refused: Plan<W>,
) -> Result<Plan<W>, CommandError> {
    let mut all = Plan::new(Vec::new());
    for (server, plan) in servers.iter().zip(plans) {
        let source = &server.source.name;
        all = all.then(match plan {
            Err(CommandError::Interrupted) => return Err(CommandError::Interrupted),
            Err(error) => Plan::new(vec![refusal(source, &error)]),
            Ok(plan) => plan.of_source(source),
        });
    }
    Ok(all.then(refused))
}

fn refusal<W>(source: &SourceName, error: &CommandError) -> Step<W> {
    let row = Row {
        source: Some(source.clone()),
        ..Row::new(Action::Refuse, &ResourceId::config())
    };
    let why = messages(error).join(": ");
    Step::rest(row.because("nothing of it is backed up").because(&why))
}

/// Does what was agreed to on every server at a time; gives the report of each, and that of the rows
/// that belong to none which was reached.
pub(super) async fn apply_each<'a, W, F>(
    servers: &'a [Server],
    mut plan: Approved<W>,
    run: impl Fn(&'a Server, Approved<W>) -> F,
) -> (Vec<(SourceName, Report)>, Report)
where
    F: Future<Output = Result<Report, CommandError>>,
{
    let runs: Vec<_> = servers
        .iter()
        .map(|server| {
            let own = plan.of_source(&server.source.name);
            let rows: Vec<Row> = own.rows().cloned().collect();
            let begun = Instant::now();
            let running = run(server, own);
            async move {
                let report = match running.await {
                    Ok(report) => report,
                    Err(error) => failed(rows, error, begun),
                };
                (server.source.name.clone(), report)
            }
        })
        .collect();
    let rest: Vec<Row> = plan.rows().cloned().collect();
    (join_all(runs).await, Report::of_rest(&rest))
}

/// What becomes of the rows of a server that could not even be begun with.
fn failed(rows: Vec<Row>, error: CommandError, begun: Instant) -> Report {
    let failure = Failure::new(error);
    rows.into_iter()
        .map(|row| {
            if row.action.changes() {
                Outcome::failed(row, failure.clone(), begun.elapsed())
            } else {
                Outcome::rest(row)
            }
        })
        .collect()
}
