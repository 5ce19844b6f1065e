//! This program as the guard of paused instances: started by itself, with a pipe to itself.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::context::Context;
use super::environment::Environment;
use super::exit::Exit;
use super::failure::CommandError;
use crate::incus::{self, Client, Config, ConnectError, Keys};
use crate::model::RemoteName;
use crate::plan::messages;
use crate::temporary::{GuardProgram, guard};

/// How long a server that was there a moment ago may be too busy to answer.
const BUSY: Duration = Duration::from_secs(45);

/// What makes a guard of every program; never said by a person.
const FLAG: &str = "--guard-paused-instances";

/// How to run this program as a guard of the instances of a remote.
pub(super) fn program(
    context: &Context,
    remote: &RemoteName,
) -> Result<GuardProgram, CommandError> {
    Ok(GuardProgram {
        program: std::env::current_exe().map_err(CommandError::Start)?,
        arguments: vec![FLAG.into(), remote.as_str().into()],
        handed: context.config()?.hand_over(remote),
    })
}

/// Is a guard, if that is what this process was started for.
pub(super) fn intercept() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let [_, flag, remote] = arguments.as_slice() else {
        return None;
    };
    if flag != FLAG {
        return None;
    }
    let watched = watch(&remote.to_string_lossy());
    let exit = if watched.is_ok() {
        Exit::Done
    } else {
        Exit::Failed
    };
    Some(exit.into())
}

fn watch(remote: &str) -> Result<(), CommandError> {
    let remote: RemoteName = remote.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::Start)?;
    let watched = runtime.block_on(async {
        // Whoever ends the other process by a signal to both must not end this one. The handlers
        // stay when nobody listens to them any more.
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            drop(signal(kind).map_err(CommandError::Start)?);
        }
        let environment = Environment::read().incus;
        let mut input = BufReader::new(tokio::io::stdin());
        let mut handed = Zeroizing::new(String::new());
        input
            .read_line(&mut handed)
            .await
            .map_err(CommandError::Start)?;
        let config = Config::load(&environment)?.with_keys(Keys::taken_over(&handed));
        let client = reach(&config, &remote, &environment).await?;
        guard(&client, input, say)
            .await
            .map_err(CommandError::Start)
    });
    // Whoever waits for this guard is told why there is none.
    if let Err(error) = &watched {
        let _ = say(&messages(error).join(": ").replace('\n', " "));
    }
    // Its input may still be waited for.
    runtime.shutdown_background();
    watched
}

/// Reaches a server that the other process has just talked to, however busy it is.
async fn reach(
    config: &Config,
    remote: &RemoteName,
    environment: &incus::Environment,
) -> Result<Client, ConnectError> {
    let begun = Instant::now();
    loop {
        match Client::connect(config, remote, environment).await {
            Err(ConnectError::Unreachable { .. }) if begun.elapsed() < BUSY => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            reached => return reached,
        }
    }
}

/// Tells the process that waits for this guard.
fn say(word: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{word}")?;
    out.flush()
}
