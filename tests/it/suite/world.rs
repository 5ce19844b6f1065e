//! A daemon, fake or real, with a project of the test's own, and a target.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use incus_backup::testing::fake::{FakeIncus, Series};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::{Bare as _, Ran, command, lab, program, unique, variable};
use crate::restic::{self, Repository};

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The envelope.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

/// A daemon, a project and a target.
pub struct World {
    folder: TempDir,
    socket: PathBuf,
    /// The project that the program works in.
    pub project: String,
    /// Which series it is.
    pub series: Series,
    pool: String,
    projects: RefCell<Vec<String>>,
    fake: Option<FakeIncus>,
    /// The target; a folder where there is none.
    repository: Option<Repository>,
}

impl World {
    /// A fake daemon.
    pub fn fake(series: Series) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = FakeIncus::start(folder.path(), series).unwrap();
        let socket = folder.path().join("unix.socket");
        Self::on(folder, socket, series, Some(fake))
    }

    /// Whether it is a real daemon.
    pub fn is_real(&self) -> bool {
        self.fake.is_none()
    }

    /// A real daemon, where there is one.
    pub fn real() -> Option<Self> {
        lab()?;
        let folder = tempfile::tempdir().unwrap();
        let socket = PathBuf::from(variable("INCUS_DIR").unwrap()).join("unix.socket");
        let mut world = Self::on(folder, socket, Series::Lts60, None);
        let server = world.get("/1.0");
        let extensions = server["api_extensions"].as_array().unwrap();
        if extensions.iter().any(|it| it == "direct_backup") {
            world.series = Series::Lts70;
        }
        Some(world)
    }

    /// The same, with an empty restic repository as the target; none without restic.
    pub fn into_repository(mut self) -> Option<Self> {
        restic::binary()?;
        self.repository = Some(Repository::new());
        Some(self)
    }

    fn on(folder: TempDir, socket: PathBuf, series: Series, fake: Option<FakeIncus>) -> Self {
        let mut world = Self {
            folder,
            socket,
            project: String::new(),
            series,
            pool: variable("LAB_POOL_DIR")
                .filter(|_| fake.is_none())
                .unwrap_or_else(|| "default".to_owned()),
            projects: RefCell::new(Vec::new()),
            fake,
            repository: None,
        };
        world.project = world.add_project(&json!({}));
        world
    }

    /// Creates a project whose default profile has a root disk and nothing else.
    pub fn add_project(&self, config: &Value) -> String {
        let name = unique("s");
        let mut all = json!({ "features.images": "false" });
        for (key, value) in config.as_object().unwrap() {
            all[key] = value.clone();
        }
        let made = self.ask(
            "POST",
            "/1.0/projects",
            &json!({ "name": name, "config": all }),
        );
        assert_eq!(made.code, 201, "{made:?}");
        self.projects.borrow_mut().push(name.clone());
        let root = json!({ "type": "disk", "path": "/", "pool": self.pool });
        let profile = json!({ "config": {}, "description": "", "devices": { "root": root } });
        let path = format!("/1.0/profiles/default?project={name}");
        self.done(&self.ask("PUT", &path, &profile));
        name
    }

    /// The network that NICs can be on.
    pub fn bridge(&self) -> String {
        variable("LAB_BRIDGE")
            .filter(|_| self.fake.is_none())
            .unwrap_or_else(|| "incusbr0".to_owned())
    }

    /// A path below the instances of the project.
    pub fn path(&self, rest: &str) -> String {
        self.path_in(&self.project, rest)
    }

    /// A path below the instances of a project.
    pub fn path_in(&self, project: &str, rest: &str) -> String {
        let mark = if rest.contains('?') { '&' } else { '?' };
        format!("/1.0/instances{rest}{mark}project={project}")
    }

    /// Sends a document.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let json = "content-type: application/json\r\n";
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.send(method, path, json, &body)
    }

    /// Sends bytes with headers of their own.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut socket = UnixStream::connect(&self.socket).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: incus\r\nconnection: close\r\ncontent-length: {}\r\n\
             {headers}\r\n",
            body.len()
        );
        // A server that has heard enough answers and hangs up.
        let _ = socket
            .write_all(head.as_bytes())
            .and_then(|()| socket.write_all(body));
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes);
        let end = bytes
            .windows(4)
            .position(|part| part == b"\r\n\r\n")
            .unwrap();
        let headers = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let body = &bytes[end + 4..];
        Answer {
            code: headers.split(' ').nth(1).unwrap().parse().unwrap(),
            body: if headers.contains("transfer-encoding: chunked") {
                unchunked(body)
            } else {
                body.to_vec()
            },
            headers,
        }
    }

    /// An object of the API.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.code, 200, "{path}: {}", answer.json());
        answer.json()["metadata"].clone()
    }

    /// Waits for what an answer began; gives what became of it: the operation's error, or nothing.
    pub fn outcome(&self, answer: &Answer) -> Result<(), (u16, String)> {
        let begun = answer.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if begun["type"] == "error" {
            return Err((answer.code, text(&begun["error"])));
        }
        if begun["type"] != "async" {
            return Ok(());
        }
        let id = text(&begun["metadata"]["id"]);
        let path = format!("/1.0/operations/{id}/wait?timeout=30");
        let ended = self.ask("GET", &path, &Value::Null).json();
        let error = match (&ended["type"], &ended["metadata"]["status"]) {
            (Value::String(kind), _) if kind == "error" => text(&ended["error"]),
            (_, Value::String(status)) if status == "Success" => return Ok(()),
            _ => text(&ended["metadata"]["err"]),
        };
        Err((202, error))
    }

    #[track_caller]
    fn done(&self, answer: &Answer) {
        let outcome = self.outcome(answer);
        assert_eq!(outcome, Ok(()), "{answer:?}");
    }

    /// Changes the state of the server, which must succeed.
    #[track_caller]
    pub fn change(&self, method: &str, path: &str, body: &Value) {
        self.done(&self.ask(method, path, body));
    }

    /// Creates a container and starts it.
    #[track_caller]
    pub fn launch(&self, name: &str) {
        self.init(name);
        self.act(name, "start");
    }

    /// Creates a container.
    #[track_caller]
    pub fn init(&self, name: &str) {
        self.init_in(&self.project, name);
    }

    /// Creates a container in a project.
    #[track_caller]
    pub fn init_in(&self, project: &str, name: &str) {
        let image = variable("LAB_IMAGE").unwrap_or_else(|| "busybox".to_owned());
        let source = json!({ "type": "image", "alias": image });
        let body = json!({ "name": name, "type": "container", "source": source,
            "config": { "user.note": "tést: [yes]", "user.date": "2001-01-01", "user.num": "1_000" },
            "description": "what it \"is\"" });
        self.change("POST", &self.path_in(project, ""), &body);
    }

    /// Starts, stops, freezes or unfreezes an instance.
    #[track_caller]
    pub fn act(&self, name: &str, action: &str) {
        let body = json!({ "action": action, "force": true, "timeout": -1 });
        self.change("PUT", &self.path(&format!("/{name}/state")), &body);
    }

    /// Deletes an instance, which is stopped first.
    #[track_caller]
    pub fn delete(&self, name: &str) {
        if self.status(name) != "Stopped" {
            self.act(name, "stop");
        }
        self.change("DELETE", &self.path(&format!("/{name}")), &Value::Null);
    }

    /// Writes a file, below a folder of the root that is made.
    #[track_caller]
    pub fn write(&self, name: &str, path: &str, content: &str) {
        let folder = Path::new(path).parent().unwrap().to_str().unwrap();
        let place = |path: &str| self.path(&format!("/{name}/files?path={path}"));
        if folder != "/" {
            let kind = "x-incus-type: directory\r\nx-incus-mode: 0755\r\n";
            self.done(&self.send("POST", &place(folder), kind, b""));
        }
        let kind = "x-incus-type: file\r\nx-incus-write: overwrite\r\n";
        self.done(&self.send("POST", &place(path), kind, content.as_bytes()));
    }

    /// Reads a file.
    pub fn read(&self, name: &str, path: &str) -> Option<String> {
        let place = self.path(&format!("/{name}/files?path={path}"));
        let answer = self.send("GET", &place, "", b"");
        (answer.code == 200).then(|| String::from_utf8(answer.body).unwrap())
    }

    /// Takes a snapshot.
    #[track_caller]
    pub fn snapshot(&self, name: &str, snapshot: &str, expires_at: &str) {
        let body = json!({ "name": snapshot, "stateful": false, "expires_at": expires_at });
        self.change("POST", &self.path(&format!("/{name}/snapshots")), &body);
    }

    /// The snapshots of an instance: name, time of creation, expiry.
    pub fn snapshots(&self, name: &str) -> Vec<(String, String, String)> {
        let all = self.get(&self.path(&format!("/{name}/snapshots?recursion=1")));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let told = |it: &Value| {
            (
                text(&it["name"]),
                text(&it["created_at"]),
                text(&it["expires_at"]),
            )
        };
        all.as_array().unwrap().iter().map(told).collect()
    }

    /// Changes a part of an instance.
    #[track_caller]
    pub fn patch(&self, name: &str, body: &Value) {
        self.change("PATCH", &self.path(&format!("/{name}")), body);
    }

    /// An instance as the API gives it.
    #[track_caller]
    pub fn instance(&self, name: &str) -> Value {
        self.get(&self.path(&format!("/{name}")))
    }

    /// The status of an instance, such as `Running`.
    #[track_caller]
    pub fn status(&self, name: &str) -> String {
        self.instance(name)["status"].as_str().unwrap().to_owned()
    }

    /// The names of the instances of the project.
    pub fn names(&self) -> Vec<String> {
        self.names_in(&self.project)
    }

    /// The names of the instances of a project.
    pub fn names_in(&self, project: &str) -> Vec<String> {
        let all = self.get(&self.path_in(project, "?recursion=1"));
        let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = all.as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    }

    /// Runs the program under test in the project, with the target.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(program());
        command.args(arguments);
        if self.fake.is_some() {
            command
                .bare()
                .env("INCUS_DIR", self.folder.path())
                .env("INCUS_CONF", self.folder.path().join("none"));
        }
        let target = match &self.repository {
            Some(repository) => {
                command.envs(repository.environment());
                repository.uri()
            }
            None => format!("dir:{}", self.root().display()),
        };
        command
            .env("INCUS_PROJECT", &self.project)
            .env("INCUS_BACKUP_TARGET", target);
        command
    }

    /// The folder of the target.
    pub fn root(&self) -> PathBuf {
        match &self.repository {
            Some(repository) => repository.path(),
            None => self.folder.path().join("backups"),
        }
    }

    /// Whether nothing was ever stored.
    pub fn holds_nothing(&self) -> bool {
        match &self.repository {
            Some(repository) => repository.snapshots().is_empty(),
            None => !self.root().exists(),
        }
    }

    /// The archive of the newest version of an instance, as it is stored.
    pub fn archive(&self, name: &str) -> Vec<u8> {
        match &self.repository {
            Some(repository) => repository.data_of(name),
            None => std::fs::read(self.newest(name).join("export.tar.zst")).unwrap(),
        }
    }

    /// Puts something else in the place of the archive of the newest version of an instance.
    pub fn put_archive(&self, name: &str, bytes: &[u8]) {
        match &self.repository {
            Some(repository) => repository.put_data_of(name, bytes),
            None => std::fs::write(self.newest(name).join("export.tar.zst"), bytes).unwrap(),
        }
    }

    /// The stored versions, as `list` gives them.
    pub fn versions(&self) -> Vec<Value> {
        let listed = self.run(&["list", "-f", "json"]);
        match listed.code {
            Some(10) => Vec::new(),
            _ => listed.exits(0).rows(),
        }
    }

    /// The folder of the newest version of an instance.
    fn newest(&self, name: &str) -> PathBuf {
        let rows = self.versions();
        let row = rows.iter().rfind(|row| row["name"] == name).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let folder = self.root().join(text("source")).join("instances");
        folder
            .join(text("project"))
            .join(name)
            .join(text("version"))
    }

    /// What a run that ended should not have left: temporary instances, marks, backups on the server,
    /// hidden folders in the target.
    pub fn left_over(&self) -> Vec<String> {
        let mut found = Vec::new();
        for instance in self.get(&self.path("?recursion=1")).as_array().unwrap() {
            let name = instance["name"].as_str().unwrap();
            let config = instance["config"].as_object().unwrap();
            if name.starts_with("incus-backup-tmp") {
                found.push(name.to_owned());
            }
            let marks = config
                .keys()
                .filter(|key| key.starts_with("user.incus-backup"));
            found.extend(marks.map(|key| format!("{name}: {key}")));
            let backups = self.get(&self.path(&format!("/{name}/backups")));
            found.extend(backups.as_array().unwrap().iter().map(ToString::to_string));
        }
        if let Some(repository) = &self.repository {
            if repository.path().exists() {
                found.extend(repository.orphans());
            }
            return found;
        }
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                    found.push(path.display().to_string());
                } else if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        found
    }
}

/// The content of a body that comes in chunks.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(at) = body.windows(2).position(|part| part == b"\r\n") {
        let size = std::str::from_utf8(&body[..at]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        content.extend_from_slice(&body[at + 2..at + 2 + size]);
        body = &body[at + 4 + size..];
    }
    content
}

impl Drop for World {
    fn drop(&mut self) {
        if self.fake.is_some() {
            return;
        }
        for project in self.projects.take() {
            let listed = self.ask("GET", &self.path_in(&project, "?recursion=1"), &Value::Null);
            for instance in listed.json()["metadata"].as_array().into_iter().flatten() {
                let name = instance["name"].as_str().unwrap_or_default();
                let at = |rest: &str| self.path_in(&project, &format!("/{name}{rest}"));
                let unprotected = json!({ "config": { "security.protection.delete": "false" } });
                let stop = json!({ "action": "stop", "force": true, "timeout": -1 });
                let _ = self.outcome(&self.ask("PATCH", &at(""), &unprotected));
                let _ = self.outcome(&self.ask("PUT", &at("/state"), &stop));
                let _ = self.outcome(&self.ask("DELETE", &at(""), &Value::Null));
            }
            let path = format!("/1.0/projects/{project}");
            let gone = self.ask("DELETE", &path, &Value::Null);
            if gone.code != 200 {
                eprintln!("project `{project}` stays: {}", gone.json()["error"]);
            }
        }
    }
}
