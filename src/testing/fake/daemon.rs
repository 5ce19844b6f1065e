//! The socket: connections, and what a restart does to them.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, broadcast, watch};

use super::exchange::answer;
use super::state::State;
use super::{Fault, Series};

/// How long nobody listens when the daemon is restarted.
const AWAY: Duration = Duration::from_millis(300);

/// What every connection shares.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) events: broadcast::Sender<String>,
    pub(super) series: Series,
    /// Tells who listens to stop.
    stop: Notify,
    /// How often the daemon was restarted.
    lives: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every operation; nobody listens any more, and then every connection ends.
    pub(super) fn restart(&self) {
        self.state().restart();
        self.stop.notify_one();
    }

    /// Waits until the daemon is restarted after this was called.
    pub(super) fn end_of_life(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut life = self.lives.subscribe();
        async move {
            let _ = life.changed().await;
        }
    }
}

/// A fake daemon that runs until it is dropped.
pub struct FakeIncus {
    folder: PathBuf,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for FakeIncus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeIncus")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl FakeIncus {
    /// Starts a daemon on `FOLDER/unix.socket`, where a client with `INCUS_DIR=FOLDER` finds it.
    pub fn start(folder: &Path, series: Series) -> std::io::Result<Self> {
        let socket = folder.join("unix.socket");
        let listener = listen(&socket)?;
        let (events, _) = broadcast::channel(64);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(series)),
            events,
            series,
            stop: Notify::new(),
            lives: watch::Sender::new(0),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = shared.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, &socket, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            folder: folder.to_owned(),
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What the server holds, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Makes something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }
}

impl Drop for FakeIncus {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(self.folder.join("unix.socket"));
    }
}

fn listen(socket: &Path) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(socket)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts connections; from one life to the next nobody does for a while.
async fn serve(mut listener: UnixListener, socket: &Path, shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = accept(listener, shared.clone()) => return,
            () = shared.stop.notified() => {}
        }
        // Only now: whoever sees a connection end, and connects again, finds nobody.
        shared.lives.send_modify(|lives| *lives += 1);
        tokio::time::sleep(AWAY).await;
        let _ = std::fs::remove_file(socket);
        match listen(socket) {
            Ok(again) => listener = again,
            Err(_) => return,
        }
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else {
        return;
    };
    while let Ok((socket, _)) = listener.accept().await {
        let shared = shared.clone();
        let end = shared.end_of_life();
        let open = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { answer(request, &shared).await }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service);
            open.state().connected(1);
            tokio::select! {
                _ = connection.with_upgrades() => {}
                () = end => {}
            }
            open.state().connected(-1);
        });
    }
}
