//! Ctrl-C and SIGTERM: once stops cleanly, twice stops at once.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::service::Service;
use crate::progress::{Cancel, Progress};

/// Cancels `cancel` at the first signal and ends the process at the second.
///
/// The second is for the user who does not want to wait; what is left behind then carries marks,
/// and the next run removes it.
pub(super) fn listen(
    cancel: Cancel,
    progress: Arc<dyn Progress>,
    service: Arc<Service>,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if cancel.is_cancelled() {
                stop_at_once();
            }
            progress.warn("interrupted: cleaning up; again to stop at once");
            service.stopping();
            cancel.cancel();
        }
    });
    Ok(())
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the user asked twice"
)]
fn stop_at_once() {
    std::process::exit(i32::from(Exit::Interrupted.code()));
}
