//! The one owner of the child program: what restic is told, how it ends, what it says.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::address::Repository;
use super::held;
use super::said::{Failed, Told, is_unremoved};
use super::slot::{Slot, Taken};
use super::version::ResticVersion;
use crate::progress::{Cancel, Progress, Task};
use crate::target::TargetError;

/// How much of what restic says on stderr is kept.
const SAYING: usize = 64 * 1024;
/// How long a restic that was interrupted has to take its lock away.
const MERCY: Duration = Duration::from_secs(2);
/// How long it takes for that once it says that it does.
const CLEANING: Duration = Duration::from_millis(300);
/// How soon a restic that works for long is stopped once that is asked for.
const HEED: Duration = Duration::from_millis(100);
/// What else would tell restic where its repository and password are.
const SILENCED: [&str; 3] = [
    "RESTIC_REPOSITORY_FILE",
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD_COMMAND",
];

/// The program.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its path, or its name on `PATH`.
    pub binary: PathBuf,
    /// Whether the environment says where the password is.
    pub password: bool,
    version: Arc<OnceLock<ResticVersion>>,
}

impl Tool {
    /// A program that was not asked for its version yet. `password` tells whether the environment says
    /// where the password is.
    pub fn new(binary: PathBuf, password: bool) -> Self {
        Self {
            binary,
            password,
            version: Arc::default(),
        }
    }

    /// Its version, for which it is asked once. Blocks.
    pub fn version(&self) -> Result<ResticVersion, TargetError> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let asked = self.ask_version()?;
        Ok(*self.version.get_or_init(|| asked))
    }

    fn ask_version(&self) -> Result<ResticVersion, TargetError> {
        let missing = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => TargetError::NoRestic(self.binary.clone()),
            _ => self.unstartable(cause),
        };
        let mut command = command(&self.binary);
        command.arg("version").stdin(Stdio::null());
        let output = command.output().map_err(missing)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ResticVersion::parse(&text).ok_or_else(|| {
            let said = "it is not restic: `version` says nothing of the kind";
            self.unstartable(io::Error::other(said))
        })
    }

    fn unstartable(&self, cause: io::Error) -> TargetError {
        TargetError::Io {
            action: "run",
            path: self.binary.clone(),
            cause,
        }
    }
}

/// A child that the terminal's signals do not reach: whoever started it ends it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the file that owns restic"
)]
fn command(binary: &std::path::Path) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(binary);
    command.process_group(0);
    command
}

/// restic, for one repository.
#[derive(Debug, Clone)]
pub(super) struct Restic {
    pub(super) tool: Tool,
    pub(super) version: ResticVersion,
    pub(super) repository: Repository,
    /// How long it waits for locks of others.
    pub(super) patience: Duration,
    pub(super) slot: Slot,
    /// Who listens to long work.
    pub(super) progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub(super) cancel: Cancel,
}

impl Restic {
    /// A command that is told everything but its verb's own arguments.
    fn command(&self, verb: &str) -> Command {
        let mut command = command(&self.tool.binary);
        command
            .arg(verb)
            .args(self.repository.arguments())
            .env("RESTIC_REPOSITORY", self.repository.address())
            // `--time` is read in the zone of the process.
            .env("TZ", "UTC")
            // It tells how far it is though nobody sees its output: with `--json` as often as a
            // screen would show, which is more than enough.
            .env("RESTIC_PROGRESS_FPS", "1");
        if self.version >= ResticVersion::WAITS && !self.patience.is_zero() {
            command.arg(format!("--retry-lock={}s", self.patience.as_secs()));
        }
        command.env_remove(SILENCED[0]);
        if let Some(file) = &self.repository.password_file {
            command.env("RESTIC_PASSWORD_FILE", file);
            for name in &SILENCED[1..] {
                command.env_remove(name);
            }
        }
        if let Some(folder) = &self.repository.cache_dir {
            command.env("RESTIC_CACHE_DIR", folder);
        }
        command
    }

    fn start(
        &self,
        verb: &str,
        arguments: &[String],
        stdin: Stdio,
    ) -> Result<Running, TargetError> {
        if !self.tool.password && self.repository.password_file.is_none() {
            return Err(TargetError::NoPassword(self.repository.shown()));
        }
        let taken = self.slot.take();
        let mut command = self.command(verb);
        command
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => TargetError::NoRestic(self.tool.binary.clone()),
            _ => self.tool.unstartable(cause),
        })?;
        let stderr = child.stderr.take();
        let interrupted = Arc::<AtomicBool>::default();
        let heard = interrupted.clone();
        let listener =
            std::thread::spawn(move || stderr.map(|it| listen(it, &heard)).unwrap_or_default());
        Ok(Running {
            restic: self.clone(),
            verb: verb.to_owned(),
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child: Some(child),
            listener: Some(listener),
            interrupted,
            taken: Some(taken),
        })
    }

    /// Runs it to its end; gives what it wrote to stdout.
    pub(super) fn run(&self, verb: &str, arguments: &[String]) -> Result<Vec<u8>, TargetError> {
        let mut running = self.start(verb, arguments, Stdio::null())?;
        let mut output = Vec::new();
        if let Some(mut stdout) = running.stdout.take() {
            let read = stdout.read_to_end(&mut output);
            read.map_err(|cause| self.tool.unstartable(cause))?;
        }
        running.finish()?;
        Ok(output)
    }

    /// Has it change something, which is done in a moment.
    pub(super) fn change(&self, verb: &str, arguments: &[String]) -> Result<(), TargetError> {
        let output = self.run(verb, arguments)?;
        for line in String::from_utf8_lossy(&output).lines() {
            if let Told::Words(words) = Told::read(line) {
                tracing::info!("restic: {words}");
            }
        }
        Ok(())
    }

    /// Has it do what takes long: what it says is told as it says it, and it can be stopped.
    pub(super) fn work(
        &self,
        (verb, what): (&str, &str),
        arguments: &[String],
    ) -> Result<(), TargetError> {
        let mut running = self.start(verb, arguments, Stdio::null())?;
        let task = self.progress.task(&format!("restic {verb}"));
        task.phase(what, None);
        let (lines, heard) = mpsc::channel();
        let stdout = running.stdout.take();
        let reader = std::thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|it| BufReader::new(it).lines()) {
                if line.is_ok_and(|line| lines.send(line).is_err()) {
                    break;
                }
            }
        });
        self.listen_to(&heard, &*task)?;
        let _ = reader.join();
        running.finish()
    }

    /// Tells what is heard until there is no more of it.
    fn listen_to(
        &self,
        heard: &mpsc::Receiver<String>,
        task: &dyn Task,
    ) -> Result<(), TargetError> {
        let mut doing = String::new();
        loop {
            match heard.recv_timeout(HEED) {
                Ok(line) => match Told::read(&line) {
                    Told::Words(words) => {
                        tracing::info!("restic: {words}");
                        task.detail(words);
                        words.clone_into(&mut doing);
                    }
                    Told::Status(status) => task.detail(&format!("{doing}: {status}")),
                    Told::Nothing => {}
                },
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    return Err(TargetError::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Starts it with an input that is written to it.
    pub(super) fn feed(&self, verb: &str, arguments: &[String]) -> Result<Running, TargetError> {
        self.start(verb, arguments, Stdio::piped())
    }

    /// Starts it to read what it writes.
    pub(super) fn stream(&self, verb: &str, arguments: &[String]) -> Result<Running, TargetError> {
        self.start(verb, arguments, Stdio::null())
    }
}

/// A restic that runs. Dropped before it is finished, it is killed, its input still open: what it was
/// making is not made.
pub(super) struct Running {
    restic: Restic,
    verb: String,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    child: Option<Child>,
    listener: Option<JoinHandle<String>>,
    /// It has said that it cleans up.
    interrupted: Arc<AtomicBool>,
    taken: Option<Taken>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("verb", &self.verb)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Ends its input, waits for its end, and fails if it has failed.
    pub(super) fn finish(&mut self) -> Result<(), TargetError> {
        self.stdin = None;
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let status = child
            .wait()
            .map_err(|cause| self.restic.tool.unstartable(cause))?;
        self.taken = None;
        let stderr = self
            .listener
            .take()
            .and_then(|it| it.join().ok())
            .unwrap_or_default();
        if status.success() && !is_unremoved(&stderr) {
            return Ok(());
        }
        let repository = self.restic.repository.shown();
        let failed = Failed {
            verb: &self.verb,
            repository: &repository,
            code: status.code(),
            stderr: &stderr,
        };
        Err(held::explain(&self.restic, failed.error()))
    }

    /// Interrupts it while its input is open, and then kills it.
    ///
    /// An interrupted restic takes its lock away; since 0.17 it then still waits for input that it no
    /// longer stores (restic 0.18.0 and 0.19.1 were seen to).
    fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let id = i32::try_from(child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
        let ended = self.wait_for_cleaning(&mut child);
        let _ = child.kill();
        let _ = child.wait();
        // Only now: an input that ended while it lived could have become a snapshot.
        self.stdin = None;
        self.taken = None;
        if !ended {
            // Its lock is still there; only those of ended processes go.
            let _ = self.restic.run("unlock", &[]);
        }
    }

    /// Whether it has taken its lock away, as far as it says.
    fn wait_for_cleaning(&self, child: &mut Child) -> bool {
        let begun = Instant::now();
        let mut heard: Option<Instant> = None;
        while begun.elapsed() < MERCY {
            if !matches!(child.try_wait(), Ok(None)) {
                return true;
            }
            if self.interrupted.load(Ordering::Relaxed) {
                let since = *heard.get_or_insert_with(Instant::now);
                if since.elapsed() > CLEANING {
                    return true;
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Takes what restic says until it is silent; keeps the end of it.
fn listen(stderr: impl Read, interrupted: &AtomicBool) -> String {
    let mut kept = String::new();
    for line in io::BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        tracing::info!("restic: {}", line.trim_end());
        if line.contains("cleaning up") {
            interrupted.store(true, Ordering::Relaxed);
        }
        if kept.len() + line.len() > SAYING {
            kept.clear();
        }
        kept.push_str(line.trim_end());
        kept.push('\n');
    }
    kept
}
