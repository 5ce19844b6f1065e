//! The restic that the tests use, and repositories of their own.
//!
//! `TEST_RESTIC` names the program, or it is on `PATH`. Where there is none that is recent enough the
//! tests that need it say so and pass, as those that need Incus do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use incus_backup::target::{ResticVersion, Tool};
use tempfile::TempDir;

use crate::lab::{command, variable};

/// The password of the repositories of tests.
pub const PASSWORD: &str = "a password of tests";

/// The program, if there is one that is recent enough.
pub fn binary() -> Option<PathBuf> {
    static BINARY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let binary = PathBuf::from(variable("TEST_RESTIC").unwrap_or_else(|| "restic".to_owned()));
        let tool = Tool::new(binary.clone(), true);
        match tool.version() {
            Ok(version) if version >= ResticVersion::OLDEST => Some(binary),
            other => {
                eprintln!("no restic to test with: {other:?}");
                None
            }
        }
    });
    BINARY.clone()
}

/// Leaves a test that needs restic where there is none.
macro_rules! needs_restic {
    () => {
        if $crate::restic::binary().is_none() {
            return;
        }
    };
}
pub(crate) use needs_restic;

/// A repository of one test.
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// One that is there and empty. It is a copy, whose key is wrapped so that it costs restic no time:
    /// that of `init` takes half a second of scrypt at every start. `scripts/lib/restic_repository.py`
    /// made it.
    pub fn new() -> Self {
        let one = Self::missing();
        fs::create_dir(one.path()).unwrap();
        one.fill();
        one
    }

    /// Makes its folder, which is there and empty, a repository.
    pub fn fill(&self) {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/restic");
        copy(&template, &self.path());
        // Those that hold nothing, which no repository of git keeps.
        for folder in ["data", "index", "locks", "snapshots"] {
            fs::create_dir_all(self.path().join(folder)).unwrap();
        }
    }

    /// One that is not there.
    pub fn missing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// A folder beside it, for whatever belongs to it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The target, in the words of `--target`.
    pub fn uri(&self) -> String {
        format!(
            "restic:repo={},password-file={},cache-dir={}",
            self.path().display(),
            self.beside("password").display(),
            self.beside("cache").display()
        )
    }

    /// What a process that is to find restic, and keep its own notes apart, needs in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = variable("PATH").unwrap_or_default();
        let folder = binary().unwrap();
        let folder = folder.parent().unwrap_or(Path::new(""));
        let state = self.beside("state");
        vec![
            ("PATH".to_owned(), format!("{}:{path}", folder.display())),
            ("XDG_CACHE_HOME".to_owned(), state.display().to_string()),
        ]
    }

    /// A folder for `PATH` in which `restic` is a script; `$real` in it is the program itself.
    pub fn wrapper(&self, script: &str) -> PathBuf {
        let folder = self.beside("wrapper");
        let _ = fs::create_dir(&folder);
        let program = folder.join("restic");
        let real = binary().unwrap();
        let text = format!("#!/bin/sh\nreal={}\n{script}\n", real.display());
        fs::write(&program, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&program, mode).unwrap();
        folder
    }

    /// A restic that has the repository, and goes on until its input ends.
    pub fn holder(&self) -> std::process::Child {
        use std::io::Write as _;
        let mut child = self
            .command(&["backup", "--stdin", "--stdin-filename=x"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        crate::lab::until(30, "the lock of the other restic", || self.locks() > 0);
        child
    }

    /// How many locks there are. One that is being written has a longer name.
    pub fn locks(&self) -> usize {
        let all = fs::read_dir(self.path().join("locks")).unwrap();
        all.filter(|lock| lock.as_ref().unwrap().file_name().len() == 64)
            .count()
    }

    /// restic, told where the repository is.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(binary().unwrap());
        command
            .args(arguments)
            .env("RESTIC_REPOSITORY", self.path())
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("RESTIC_CACHE_DIR", self.beside("cache"));
        command
    }

    /// Runs restic, which must succeed.
    #[track_caller]
    pub fn restic(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "restic {arguments:?}: {said}");
        output
    }

    /// Makes a snapshot of these bytes.
    #[track_caller]
    pub fn backup(&self, name: &str, tags: &[String], bytes: &[u8]) {
        use std::io::Write as _;
        let file = format!("--stdin-filename={name}");
        let mut arguments = vec!["backup", "--stdin", &file];
        let tags: Vec<String> = tags.iter().map(|tag| format!("--tag={tag}")).collect();
        arguments.extend(tags.iter().map(String::as_str));
        let mut command = self.command(&arguments);
        command.stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// The snapshots, as restic lists them.
    pub fn snapshots(&self) -> Vec<serde_json::Value> {
        let output = self.restic(&["snapshots", "--json", "--no-lock"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The snapshots of data, newest last.
    fn data(&self, name: &str) -> Vec<serde_json::Value> {
        let mut all = self.snapshots();
        all.retain(|it| tag(it, "part").as_deref() == Some("data"));
        all.retain(|it| tag(it, "name").as_deref() == Some(name));
        all
    }

    /// The archive of the only version of an instance.
    pub fn data_of(&self, name: &str) -> Vec<u8> {
        let [one] = &self.data(name)[..] else {
            panic!("one version of {name}")
        };
        let path = one["paths"][0].as_str().unwrap();
        self.restic(&["dump", one["id"].as_str().unwrap(), path])
            .stdout
    }

    /// Puts something else in the place of the archive of the only version of an instance; nothing in the
    /// place of one that is empty.
    pub fn put_data_of(&self, name: &str, bytes: &[u8]) {
        let kept = self.beside("tags");
        let old = self.data(name);
        if let Some(one) = old.first() {
            fs::write(&kept, one["tags"].to_string()).unwrap();
            self.restic(&["forget", one["id"].as_str().unwrap()]);
        }
        let tags: Vec<String> = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
        if !bytes.is_empty() {
            let project = tags
                .iter()
                .find_map(|tag| tag.strip_prefix("project="))
                .unwrap();
            self.backup(&format!("instance_{project}_{name}.tar"), &tags, bytes);
        }
    }

    /// Data that belongs to no version.
    pub fn orphans(&self) -> Vec<String> {
        let all = self.snapshots();
        let of = |part: &str| -> Vec<&serde_json::Value> {
            let fits = |it: &&serde_json::Value| tag(it, "part").as_deref() == Some(part);
            all.iter().filter(fits).collect()
        };
        let whole: Vec<_> = of("manifest")
            .into_iter()
            .map(|it| tag(it, "draft"))
            .collect();
        let data = of("data")
            .into_iter()
            .filter(|it| !whole.contains(&tag(it, "draft")));
        data.map(|it| it["tags"].to_string()).collect()
    }

    /// Fails unless restic finds nothing wrong.
    #[track_caller]
    pub fn is_clean(&self) {
        self.restic(&["check", "--read-data"]);
    }
}

/// The value of a tag of a snapshot.
pub fn tag(snapshot: &serde_json::Value, key: &str) -> Option<String> {
    let tags = snapshot["tags"].as_array()?.iter();
    let mut values = tags.filter_map(|tag| tag.as_str()?.strip_prefix(&format!("{key}=")));
    values.next().map(str::to_owned)
}

/// The tags of a snapshot.
pub fn tags(snapshot: &serde_json::Value) -> Vec<String> {
    let tags = snapshot["tags"].as_array().into_iter().flatten();
    tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).unwrap();
        }
    }
}
