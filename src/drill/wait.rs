//! Waits until a copy runs, and runs its command.

use std::time::Duration;

use tokio::time::Instant;

use super::error::DrillError;
use super::run::Context;
use crate::incus::{Command, ExecError, Executed};
use crate::model::{InstanceName, ProjectName};

/// How long is waited between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// How long one look into it may take.
const LOOK: Duration = Duration::from_secs(10);

/// A copy, where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) project: &'a ProjectName,
    pub(super) name: &'a InstanceName,
}

/// Waits until commands can be run in a copy that was started, or until it has run for the time that
/// is set; tells what is wrong where it does not run.
pub(super) async fn until_it_runs(
    context: &Context,
    at: At<'_>,
) -> Result<Option<String>, DrillError> {
    let begun = Instant::now();
    loop {
        let found = context.client.instance(at.project, at.name).await?;
        let status = found.map_or_else(|| "gone".to_owned(), |(copy, _)| copy.status);
        let over = begun.elapsed() >= context.timeout;
        match status.as_str() {
            // 126 and 127 are of one that runs, and has no `sh`.
            "Running" if over => return Ok(None),
            "Running" => match look(context, at, "true", LOOK).await {
                Ok(Executed {
                    status: 0 | 126 | 127,
                    ..
                }) => return Ok(None),
                Err(ExecError::Cancelled) => return Err(DrillError::Interrupted),
                Ok(_) | Err(_) => {}
            },
            "Stopped" => return Ok(Some("the copy started, and stopped by itself".to_owned())),
            status if over => {
                let seconds = context.timeout.as_secs();
                let text = format!("the copy does not run within {seconds} s: it is {status}");
                return Ok(Some(text));
            }
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = context.cancel.cancelled() => return Err(DrillError::Interrupted),
        }
    }
}

/// Runs the command that must succeed; tells what is wrong where it does not.
pub(super) async fn command(
    context: &Context,
    at: At<'_>,
    line: &str,
) -> Result<Option<String>, DrillError> {
    match look(context, at, line, context.timeout).await {
        Ok(Executed { status: 0, .. }) => Ok(None),
        Ok(executed) => {
            let said = [&executed.stderr, &executed.stdout];
            let said = said.into_iter().find(|text| !text.is_empty());
            let last = said.and_then(|text| text.lines().last());
            let last = last.map_or_else(String::new, |line| format!(": {}", line.trim()));
            let status = executed.status;
            Ok(Some(format!(
                "user.backup.drill ended with exit status {status} in the copy{last}"
            )))
        }
        Err(ExecError::TimedOut(after)) => Ok(Some(format!(
            "user.backup.drill did not end within {} s in the copy",
            after.as_secs()
        ))),
        Err(ExecError::Cancelled) => Err(DrillError::Interrupted),
        Err(error) => Err(error.into()),
    }
}

async fn look(
    context: &Context,
    at: At<'_>,
    line: &str,
    timeout: Duration,
) -> Result<Executed, ExecError> {
    let command = Command {
        project: at.project,
        instance: at.name,
        line,
        timeout,
    };
    context.client.execute(&command, &context.cancel).await
}
