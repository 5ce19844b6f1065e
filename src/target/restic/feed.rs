//! A snapshot that is being made of what is written.

use std::io::{self, BufRead as _, BufReader, Write};

use super::process::{Restic, Running};
use super::said::Told;
use super::snapshot::Made;
use super::tags::Tags;
use crate::model::{SourceName, Version};
use crate::target::TargetError;

/// What a snapshot is called and carries.
#[derive(Debug, Clone)]
pub(super) struct Label {
    /// The name of its file.
    pub(super) name: String,
    /// What is given as the host.
    pub(super) source: SourceName,
    /// What is given as its time.
    pub(super) version: Version,
    /// Its tags.
    pub(super) tags: Tags,
}

impl Label {
    fn arguments(&self) -> Vec<String> {
        let time = self
            .version
            .timestamp()
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string();
        let mut arguments = vec![
            "--json".to_owned(),
            "--stdin".to_owned(),
            format!("--stdin-filename={}", self.name),
            format!("--host={}", self.source),
            format!("--time={time}"),
        ];
        arguments.extend(self.tags.arguments());
        arguments
    }
}

/// A `restic backup` whose input is written. Dropped before it is finished, nothing comes of it.
#[derive(Debug)]
pub(super) struct Feed {
    running: Running,
    /// What restic writes is taken, so that it never waits for it.
    output: Option<std::thread::JoinHandle<Option<Made>>>,
    fed: u64,
}

impl Feed {
    /// Starts it, once no other restic runs for this repository.
    pub(super) fn start(restic: &Restic, label: &Label) -> Result<Self, TargetError> {
        let mut running = restic.feed("backup", &label.arguments())?;
        let stdout = running.stdout.take();
        // How far it is, is known from what it was fed.
        let output = std::thread::spawn(move || {
            let mut made = None;
            for line in stdout.into_iter().flat_map(|it| BufReader::new(it).lines()) {
                let Ok(line) = line else { break };
                if let Told::Words(words) = Told::read(&line) {
                    tracing::info!("restic: {words}");
                    made = Made::read(words).or(made);
                }
            }
            made
        });
        Ok(Self {
            running,
            output: Some(output),
            fed: 0,
        })
    }

    /// Writes some of the input. Where restic has ended, its own words say why.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stdin = self.running.stdin.as_mut();
        let written = stdin.map_or(Ok(0), |stdin| stdin.write(bytes));
        match written {
            Ok(count) => {
                self.fed += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                match self.running.finish() {
                    Err(said) => Err(io::Error::other(said)),
                    Ok(()) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the input, waits for the snapshot, and looks whether it is of everything.
    pub(super) fn finish(mut self, restic: &Restic) -> Result<Made, TargetError> {
        self.running.finish()?;
        let output = self.output.take();
        let made = output.and_then(|it| it.join().ok()).flatten();
        let failed = |said: String| TargetError::Restic {
            verb: "backup".to_owned(),
            repository: restic.repository.shown(),
            said,
        };
        let made = made.ok_or_else(|| failed("it does not say what it made".to_owned()))?;
        if made.total_bytes_processed != self.fed {
            let _ = restic.run("forget", std::slice::from_ref(&made.snapshot_id));
            let (took, given) = (made.total_bytes_processed, self.fed);
            return Err(failed(format!("it took {took} of {given} bytes")));
        }
        Ok(made)
    }
}

/// Makes a snapshot of these bytes.
pub(super) fn store(restic: &Restic, label: &Label, bytes: &[u8]) -> Result<Made, TargetError> {
    let mut feed = Feed::start(restic, label)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = feed.write(rest).map_err(|cause| unwrap(restic, cause))?;
        rest = &rest[count..];
    }
    feed.finish(restic)
}

/// The target's error in an error of writing.
pub(super) fn unwrap(restic: &Restic, cause: io::Error) -> TargetError {
    match cause.downcast::<TargetError>() {
        Ok(error) => error,
        Err(cause) => TargetError::Restic {
            verb: "backup".to_owned(),
            repository: restic.repository.shown(),
            said: cause.to_string(),
        },
    }
}
