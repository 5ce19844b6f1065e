//! The target.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::super::super::create::sizes;
use super::failed;
use crate::cli::args::Doctor;
use crate::cli::context::{Chosen, Context, blocking, source_of};
use crate::cli::failure::CommandError;
use crate::doctor::Verdict::{Fine, Problem};
use crate::doctor::{
    Check, Finding, encrypted, key_file, left_over_on_target, locks, restic, room,
};
use crate::incus::Client;
use crate::model::{Bytes, RemoteName, SourceName};
use crate::target::{
    Access, Encryption, Filter, Location, Target, TargetError, without_credentials,
};

/// Looks at the target; gives it where it is one, and what it is called.
pub(super) async fn target(
    context: &Context,
    args: &Doctor,
    servers: &[(RemoteName, Arc<Client>)],
    findings: &mut Vec<Finding>,
) -> Option<(String, Arc<dyn Target>)> {
    let chosen = match context.choice(&args.target) {
        Ok(chosen) => chosen,
        Err(error) => {
            let said = args.target.target.as_deref().unwrap_or("target");
            findings.push(failed((Check::Target, said), &error));
            return None;
        }
    };
    let name = name(context, args, &chosen);
    let access = context.access(&chosen, &args.target);
    let is_restic = matches!(chosen.location, Location::Restic(_));
    if is_restic && !restic_is_there(&access, findings).await {
        return None;
    }
    let location = chosen.location.clone();
    let with = access.clone();
    let opened = blocking(move || location.open(&with).map_err(CommandError::from));
    let target = match opened.await.and_then(|opened| opened) {
        Ok(target) => target,
        Err(error) => {
            let mut finding = failed((Check::Target, &name), &error);
            if let CommandError::Target(error) = &error
                && error.is_missing()
            {
                finding = finding.mend(format!("incus-backup-setup target init {name}"));
            }
            findings.push(finding);
            return None;
        }
    };
    let about = (Check::Target, name.as_str());
    findings.push(match chosen.location.is_writable() {
        Some(false) => Finding::new(Problem, about, "this user may not write to it")
            .mend("run this as the user that the target belongs to"),
        Some(true) => Finding::new(Fine, about, "it is there, and can be written to"),
        None => Finding::new(Fine, about, "it is there"),
    });
    findings.extend(keys(&name, &chosen.encryption));
    if is_restic {
        let location = chosen.location.clone();
        findings.push(
            match blocking(move || location.abandoned_locks(&access)).await {
                Ok(Ok(holders)) => locks(&name, &holders),
                Ok(Err(error)) => failed((Check::Locks, &name), &error),
                Err(error) => failed((Check::Locks, &name), &error),
            },
        );
    }
    let sources: Vec<SourceName> = servers
        .iter()
        .filter_map(|(remote, client)| Some(source_of(client, remote).ok()?.name))
        .collect();
    match look_inside(&target, sources).await {
        Ok((free, need, left)) => {
            findings.extend(room(&name, free, need));
            findings.push(left_over_on_target(&name, left));
        }
        Err(error) => findings.push(failed((Check::Target, &name), &error)),
    }
    Some((name, target))
}

/// What the target is called in commands that mend something: as the user says it, unless that holds
/// credentials.
fn name(context: &Context, args: &Doctor, chosen: &Chosen) -> String {
    let flag = args.target.target.as_ref();
    let said = flag.or(context.environment.target.as_ref());
    let said = said.filter(|said| without_credentials(said) == **said);
    let own = chosen.name.as_ref().or(said);
    own.cloned().unwrap_or_else(|| chosen.location.to_string())
}

/// Whom the target is encrypted to, and whether its keys are for their owner alone.
fn keys(target: &str, encryption: &Encryption) -> Vec<Finding> {
    let Encryption {
        recipients,
        identities,
    } = encryption;
    let recipients = recipients.as_ref().map(|recipients| {
        let has_keys = !identities.is_empty();
        encrypted(target, recipients.count(), has_keys)
    });
    let files = identities.files().iter().map(|file| {
        let mode = std::fs::metadata(file).ok().map(|found| found.mode());
        key_file(&file.display().to_string(), mode)
    });
    recipients.into_iter().chain(files).collect()
}

async fn restic_is_there(access: &Access, findings: &mut Vec<Finding>) -> bool {
    let tool = access.restic.tool.clone();
    let binary = tool.binary.display().to_string();
    let version = blocking(move || tool.version().map_err(CommandError::from)).await;
    match version.and_then(|version| version) {
        Ok(version) => {
            findings.push(restic(&binary, version));
            true
        }
        Err(error) => {
            findings.push(failed((Check::Restic, &binary), &error));
            false
        }
    }
}

/// How much is free, how much one version of everything takes, and what ended runs left.
async fn look_inside(
    target: &Arc<dyn Target>,
    sources: Vec<SourceName>,
) -> Result<(Option<Bytes>, Bytes, u64), CommandError> {
    let reader = target.clone();
    let look = move || {
        let held = reader.sources()?;
        let (mut need, mut left) = (0, 0);
        for source in sources.into_iter().filter(|source| held.contains(source)) {
            let filter = Filter {
                source: Some(source.clone()),
                ..Filter::default()
            };
            let newest = sizes(&reader.versions(&filter)?);
            need += newest
                .values()
                .map(|sizes| sizes.stored_size.0)
                .sum::<u64>();
            left += reader.left_over(&source)?;
        }
        Ok::<_, TargetError>((reader.free_space()?, Bytes(need), left))
    };
    Ok(blocking(look).await??)
}
