//! The servers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::failed;
use crate::cli::context::Context;
use crate::cli::failure::CommandError;
use crate::doctor::Verdict::{Fine, Problem, Warning};
use crate::doctor::{Check, Finding, ProjectRights, ServerFacts, left_over_on_server, server};
use crate::incus::{Client, Config, Project};
use crate::model::{RemoteName, Version};
use crate::temporary::{left_over, takes_volatile_keys};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at every remote, and closely at those that are meant: the named ones, or else the default
/// one. Gives those of them that can be reached.
pub(super) async fn servers(
    context: &Context,
    (config, named): (&Config, &[RemoteName]),
    findings: &mut Vec<Finding>,
) -> Vec<(RemoteName, Arc<Client>)> {
    let meant = match named {
        [] => vec![config.default_remote()],
        named => named.to_vec(),
    };
    let mut all = meant.clone();
    if named.is_empty() {
        let others = config.private_remotes().into_iter();
        // On a machine without a server the client's own `local` says nothing.
        all.extend(others.filter(|it| !meant.contains(it) && it.as_str() != "local"));
    }
    let reached = join_all(all.iter().map(|remote| connect(context, config, remote))).await;
    let mut servers = Vec::new();
    for (remote, connected) in all.iter().zip(reached) {
        let about = (Check::Remote, remote.as_str());
        match connected {
            Ok(client) => {
                let version = &client.server().version;
                let text = format!("it answers, with Incus {version}");
                findings.push(Finding::new(Fine, about, text));
                if meant.contains(remote) {
                    servers.push((remote.clone(), Arc::new(client)));
                }
            }
            Err(mut finding) => {
                if !meant.contains(remote) {
                    finding.verdict = Warning;
                }
                findings.push(finding);
            }
        }
    }
    for (remote, client) in &servers {
        match facts(remote, client).await {
            Ok(facts) => findings.extend(server(&facts)),
            Err(error) => findings.push(failed((Check::Rights, remote.as_str()), &error)),
        }
        match left_over(client).await {
            Ok(left) => findings.push(left_over_on_server(remote.as_str(), &left)),
            Err(error) => findings.push(failed((Check::LeftOver, remote.as_str()), &error)),
        }
    }
    servers
}

async fn connect(
    context: &Context,
    config: &Config,
    remote: &RemoteName,
) -> Result<Client, Finding> {
    let about = (Check::Remote, remote.as_str());
    // Whoever types takes longer than a server may.
    let opened = context.open_key(config, remote).await;
    opened.map_err(|error| failed(about, &error))?;
    let connecting = context.connect(config, remote);
    if let Ok(connected) = tokio::time::timeout(PATIENCE, connecting).await {
        return connected.map_err(|error| failed(about, &error));
    }
    let text = format!("it does not answer within {} s", PATIENCE.as_secs());
    Err(Finding::new(Problem, about, text))
}

async fn facts(remote: &RemoteName, client: &Client) -> Result<ServerFacts, CommandError> {
    let info = client.server();
    let clock = client.clock().await?;
    let projects = client.projects().await?;
    let rights = if info.administrator {
        Vec::new()
    } else {
        rights(client, &projects).await?
    };
    Ok(ServerFacts {
        remote: remote.to_string(),
        version: info.version.clone(),
        api_extensions: info.api_extensions.clone(),
        administrator: info.administrator,
        method: info.method.clone(),
        own_project: client.own_project().is_some(),
        takes_volatile_keys: takes_volatile_keys(client),
        projects,
        rights,
        clocks: clock.map(|server| (server, Version::now().timestamp())),
    })
}

/// What this client may do in projects, asked with the first instance of each.
async fn rights(client: &Client, projects: &[Project]) -> Result<Vec<ProjectRights>, CommandError> {
    let mut all = Vec::new();
    for project in projects {
        let back_up = match client.instances(&project.name).await?.first() {
            Some(instance) => Some(client.may_back_up(&project.name, &instance.name).await?),
            None => None,
        };
        all.push(ProjectRights {
            project: project.name.to_string(),
            back_up,
            restore: client.may_make_instances(&project.name).await?,
        });
    }
    Ok(all)
}
