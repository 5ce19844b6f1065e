//! `doctor`: gathers what is to be judged, and shows the verdicts.

mod client;
mod server;
mod target;

use std::io;
use std::sync::Arc;

use super::super::all::protection;
use crate::cli::args::Doctor;
use crate::cli::context::{Context, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, hints};
use crate::doctor::{self, Check, Finding, Verdict};
use crate::incus::{Client, Config};
use crate::model::{RemoteName, Version};
use crate::plan::messages;
use crate::protection::{Least, Rule};
use crate::target::Target;
use crate::ui::{Columns, Output, View, write_rows};

/// Looks whether backups can be made and restored.
pub(in crate::cli) async fn doctor(context: &Context, args: Doctor) -> Result<Exit, CommandError> {
    let columns = Columns::<Finding>::choose(args.rows.columns.as_deref())?;
    let findings = context.unless_cancelled(examine(context, &args)).await?;
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &findings, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    let bad = |finding: &Finding| finding.verdict == Verdict::Problem;
    Ok(if findings.iter().any(bad) {
        Exit::Damaged
    } else {
        Exit::Done
    })
}

async fn examine(context: &Context, args: &Doctor) -> Result<Vec<Finding>, CommandError> {
    let mut findings = client::client(context);
    let mut servers: Vec<(RemoteName, Arc<Client>)> = Vec::new();
    match context.config() {
        Ok(config) => {
            let named = named(&config, &args.remotes)?;
            servers = server::servers(context, (&config, &named), &mut findings).await;
        }
        Err(error) => findings.push(failed((Check::Client, "config.yml"), &error)),
    }
    let targets = target::target(context, args, &servers, &mut findings).await;
    if let Some((name, target)) = targets {
        for (remote, server) in &servers {
            let found = protected(args, (remote, server), (&name, &target)).await;
            findings.push(
                found.unwrap_or_else(|error| failed((Check::Protection, remote.as_str()), &error)),
            );
        }
    }
    Ok(findings)
}

/// The remotes that are named; others are wrong usage.
fn named(config: &Config, arguments: &[String]) -> Result<Vec<RemoteName>, CommandError> {
    let mut named = Vec::new();
    for argument in arguments {
        let (remote, name) = config.split(argument)?;
        if !name.is_empty() || !argument.contains(':') {
            let text = format!("`{argument}` is no server: write `REMOTE:`");
            return Err(CommandError::Usage(text));
        }
        named.push(remote);
    }
    Ok(named)
}

/// Whether everything on a server has a recent backup.
async fn protected(
    args: &Doctor,
    (remote, client): (&RemoteName, &Client),
    (name, target): (&str, &Arc<dyn Target>),
) -> Result<Finding, CommandError> {
    let source = source_of(client, remote)?.name;
    let rule = Rule {
        least: Least::Complete,
        max_age: args.max_age,
        now: Version::now().timestamp(),
    };
    let judged = protection(client, (target, &source), rule).await?;
    let mended_by = (remote.as_str(), name);
    let max_age = args.max_age;
    Ok(doctor::protection(
        mended_by,
        source.as_str(),
        &judged,
        max_age,
    ))
}

/// That something cannot be looked at, which is a problem by itself.
fn failed(about: (Check, &str), error: &(dyn std::error::Error + 'static)) -> Finding {
    let finding = Finding::new(Verdict::Problem, about, messages(error).join(": "));
    let hints = hints(error);
    if hints.is_empty() {
        finding
    } else {
        finding.mend(hints.join("; "))
    }
}
