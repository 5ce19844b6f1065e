//! The examples of help and man pages: each is understood by the program, and run.
//!
//! They are run page by page and in their order, against fake servers that hold what examples name. What
//! they would need of this machine is put below a folder of the test: every path, and every target. Where
//! a command would ask, it is answered yes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Command;
use incus_backup::testing::fake::{FakeImage, FakeIncus, Series, State};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use crate::generated::commands;
use crate::lab::{Bare as _, Ran, command, program_for, variable};
use crate::restic::{self, Repository};

/// The moments of which versions are stored, and the one at which examples are run.
const STORED: [&str; 3] = [
    "2026-01-30T23:59:59Z",
    "2026-01-31T23:59:59Z",
    "2026-02-01T23:59:59Z",
];
const NOW: &str = "2026-02-02T12:00:00Z";

/// What the fake servers cannot show, and why. It is parsed all the same.
const NOT_RUN: [(&str, &str); 1] = [(
    "--pool-source",
    "the fake makes no pools, and no test has a disk of that name",
)];

/// What ends otherwise than with 0, because it is a check that finds what it is to find: nobody has
/// verified anything, and of two servers one is empty.
const ENDS_WITH: [(&str, i32); 2] = [
    (
        "incus-backup-all list prod: --unprotected --max-age 8d --verified --format json",
        4,
    ),
    ("incus-backup-config diff prod: dr: --exit-code", 4),
];

/// The examples of one page of help.
struct Page {
    /// The words that it is about, such as `incus-backup-instance files get`.
    name: String,
    examples: Vec<String>,
}

/// Every page, from the program's down to those of verbs of verbs.
fn pages(command: &Command, above: &str) -> Vec<Page> {
    let name = format!("{above}{}", command.get_name());
    let help = command.get_after_help().map(ToString::to_string);
    let lines = help.iter().flat_map(|text| text.lines());
    let examples = lines.filter_map(|line| line.strip_prefix("  incus-backup"));
    let mut all = vec![Page {
        examples: examples.map(|rest| format!("incus-backup{rest}")).collect(),
        name: name.clone(),
    }];
    for verb in command.get_subcommands() {
        all.extend(pages(verb, &format!("{name} ")));
    }
    all
}

/// The words behind the program's name, and the program for which they are.
fn taken_apart(example: &str) -> (Command, Vec<&str>) {
    let mut words: Vec<&str> = example.split(' ').collect();
    let mut program = words[0].to_owned();
    if program == "incus-backup" {
        words.remove(0);
        program = format!("{program}-{}", words[0]);
    }
    words.remove(0);
    let mut known = commands().into_iter();
    let known = known.find(|known| known.get_name() == program);
    let known = known.unwrap_or_else(|| panic!("there is no `{program}`: {example}"));
    (known, words)
}

fn understood(example: &str, more: &[&str]) -> Result<(), clap::Error> {
    let (program, words) = taken_apart(example);
    let name = [program.get_name().to_owned()];
    let words = words.iter().chain(more).map(|word| (*word).to_owned());
    program
        .try_get_matches_from(name.into_iter().chain(words))
        .map(drop)
}

#[test]
fn every_page_has_examples_and_each_is_understood_by_its_program() {
    let mut wrong = Vec::new();
    for page in commands().iter().flat_map(|program| pages(program, "")) {
        if page.examples.is_empty() {
            wrong.push(format!("{}: no example", page.name));
        }
        for example in &page.examples {
            if let Err(error) = understood(example, &[]) {
                wrong.push(format!("{}: {example}: {error}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = commands();
    let pages = all.iter().flat_map(|program| pages(program, ""));
    let all: Vec<String> = pages.flat_map(|page| page.examples).collect();
    let named = ENDS_WITH.map(|(line, _)| line).into_iter();
    for line in named.chain(NOT_RUN.map(|(word, _)| word)) {
        assert!(all.iter().any(|it| it.contains(line)), "no example: {line}");
    }
}

/// `incus backup-KIND` and `incus backup KIND` are the same commands, by an alias.
#[test]
fn every_command_in_the_readme_is_understood_by_its_program() {
    let readme = include_str!("../../README.md");
    let mut seen = 0;
    for line in readme.lines() {
        let line = line.split(" #").next().unwrap().trim_end();
        let line = line.replacen("incus backup", "incus-backup", 1);
        if !line.starts_with("incus-backup") {
            continue;
        }
        seen += 1;
        if let Err(error) = understood(&line.split_whitespace().collect::<Vec<_>>().join(" "), &[])
        {
            panic!("{line}: {error}");
        }
    }
    assert!(seen > 20, "{seen} were found");
}

/// Four servers that one client knows, the default one among them, and what is stored of two.
struct Site {
    folder: TempDir,
    servers: Vec<(&'static str, FakeIncus)>,
    repository: Option<Repository>,
}

/// What every server has, whatever is on it.
fn furnish(state: &mut State) {
    state.add_pool("tank", "zfs");
    state.add_pool("fast", "zfs");
    for network in ["lan", "lan0", "lab0"] {
        state.networks.push(network.to_owned());
    }
    for project in ["shop", "lab"] {
        let features = ["images", "profiles", "storage.buckets", "storage.volumes"];
        let config = features.map(|it| (format!("features.{it}"), json!("true")));
        state
            .projects
            .insert(project.to_owned(), config.into_iter().collect());
    }
    state.images.clear();
    state.image_aliases.clear();
}

/// What the examples name.
fn fill(state: &mut State) {
    state.add_instance("web", "tank", "Running", "container");
    let web = state.instance("web").unwrap();
    web.object["devices"]["eth1"] = json!({ "type": "nic", "network": "lan" });
    for path in ["hosts", "nginx/nginx.conf", "nginx/mime.types"] {
        let content = format!("what is in {path}").into_bytes();
        web.files.insert(format!("rootfs/etc/{path}"), content);
    }
    web.add_snapshot("before-upgrade", "2077-01-02T03:04:05Z");
    state.add_instance("vm", "tank", "Stopped", "virtual-machine");
    let vm = state.instance("vm").unwrap();
    let disk = zstd::decode_all(&include_bytes!("fixtures/disks/disk.img.zst")[..]);
    vm.files.insert("disk".to_owned(), disk.unwrap());
    let data = state.add_volume("default", "data");
    for path in ["photos/one.jpg", "notes.txt"] {
        data.files.insert(path.to_owned(), b"content".to_vec());
    }
    state.add_bucket("default", "photos");
    // Its fingerprint is one that begins as those in examples do.
    let content = b"an image that is number 10227788";
    let debian = state.add_image("default", FakeImage::new(None, content));
    assert_eq!(debian[..6], *"8a8f87");
    state.add_image_alias("default", "debian/12", &debian);
}

/// Takes away what could be restored.
fn lose(state: &mut State) {
    state.instances.clear();
    state.custom.clear();
    state.buckets.clear();
    state.images.clear();
    state.image_aliases.clear();
}

impl Site {
    /// A site of which nothing is stored yet.
    fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut servers = Vec::new();
        let mut remotes = String::new();
        for (at, name) in ["local", "prod", "lab", "edge1", "dr"]
            .into_iter()
            .enumerate()
        {
            let own = folder.path().join(name);
            std::fs::create_dir(&own).unwrap();
            let fake = FakeIncus::start(&own, Series::Lts70).unwrap();
            {
                let mut state = fake.state();
                state.fingerprint = at.to_string().repeat(64);
                furnish(&mut state);
                if !["lab", "dr"].contains(&name) {
                    fill(&mut state);
                }
            }
            servers.push((name, fake));
            if name != "local" {
                let socket = own.join("unix.socket").display().to_string();
                writeln!(remotes, "  {name}: {{ addr: 'unix:{socket}' }}").unwrap();
            }
        }
        let site = Self {
            repository: restic::binary().map(|_| Repository::new()),
            folder,
            servers,
        };
        for place in [
            "conf",
            "work",
            "var/backups",
            "var/lib/node_exporter",
            "srv/reports",
            "mnt/nas",
            "mnt/usb",
        ] {
            std::fs::create_dir_all(site.path(place)).unwrap();
        }
        std::fs::write(site.path("conf/config.yml"), format!("remotes:\n{remotes}")).unwrap();
        std::fs::write(site.path("conf/backup.yml"), site.settings()).unwrap();
        site
    }

    fn path(&self, place: &str) -> PathBuf {
        self.folder.path().join(place)
    }

    fn settings(&self) -> String {
        let nas = self.path("mnt/nas/incus").display().to_string();
        let offsite = self.repository.as_ref().map(Repository::uri);
        let offsite = offsite.unwrap_or_else(|| format!("dir:{nas}-2"));
        format!(
            "targets:\n  nas: {{ uri: 'dir:{nas}' }}\n  offsite: {{ uri: '{offsite}' }}\n\
             retention: {{ keep-daily: 7 }}\nnotifications:\n  mail: {{ command: [cat] }}\n"
        )
    }

    /// A site of which some moments are stored: the default server's, which are alone in the default
    /// target, and those of `prod` beside them in `nas`.
    fn stored() -> Self {
        let site = Self::bare();
        let all = |servers: &str| {
            for moment in STORED {
                let create = format!("incus-backup-all create{servers} --yes");
                site.run(&create, moment).exits(0);
            }
        };
        all("");
        copy(&site.path("var/backups/incus"), &site.path("mnt/nas/incus"));
        all(" prod:");
        site
    }

    /// Another site of which the same is stored.
    fn again(&self) -> Self {
        let site = Self::bare();
        for target in ["var/backups/incus", "mnt/nas/incus"] {
            copy(&self.path(target), &site.path(target));
        }
        site
    }

    /// A word with what is in it below this folder instead of anywhere.
    fn placed(&self, word: &str) -> String {
        let below = self.folder.path().display();
        for scheme in ["dir:", "restic:", ""] {
            match word.strip_prefix(scheme) {
                Some(path) if path.starts_with('/') => return format!("{scheme}{below}{path}"),
                _ => {}
            }
        }
        word.to_owned()
    }

    /// Runs an example at a moment.
    fn run(&self, example: &str, moment: &str) -> Ran {
        let mut words = example.split(' ');
        let program = words.next().unwrap().trim_start_matches("incus-backup");
        let program = match program.strip_prefix('-') {
            Some(kind) => program_for(kind),
            None => PathBuf::from(env!("CARGO_BIN_EXE_incus-backup")),
        };
        let mut command = command(program);
        command
            .args(words.map(|word| self.placed(word)))
            .bare()
            .current_dir(self.path("work"))
            .env("PATH", variable("PATH").unwrap_or_default());
        if let Some(repository) = &self.repository {
            command.envs(repository.environment());
        }
        command
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("INCUS_DIR", self.path("local"))
            .env("INCUS_CONF", self.path("conf"))
            .env("INCUS_BACKUP_TARGET", self.placed(default_target(example)))
            .env("INCUS_BACKUP_TEST_CLOCK", moment)
            .env("RESTIC_PASSWORD", restic::PASSWORD);
        Ran::of(&command.output().unwrap())
    }

    /// Runs the examples of a page, and says what was wrong.
    fn follow(&self, page: &Page) -> Vec<String> {
        if page.name.ends_with("restore") {
            lose(&mut self.servers[0].1.state());
        }
        let mut wrong = Vec::new();
        for example in &page.examples {
            if NOT_RUN.iter().any(|(word, _)| example.contains(word)) {
                continue;
            }
            let needs_restic = ["restic:", "offsite"].iter().any(|it| example.contains(it));
            if needs_restic && self.repository.is_none() {
                continue;
            }
            let expected = ENDS_WITH.iter().find(|(line, _)| line == example);
            let expected = expected.map_or(0, |(_, code)| *code);
            let asks = understood(example, &["--yes"]).is_ok();
            let ran = self.run(
                &format!("{example}{}", if asks { " --yes" } else { "" }),
                NOW,
            );
            if ran.code != Some(expected) || ran.stderr.contains("panicked at") {
                let (code, out, err) = (ran.code, ran.stdout, ran.stderr);
                wrong.push(format!("{}: {example}: {code:?}\n{out}{err}", page.name));
            }
        }
        wrong
    }
}

/// Where the backups of a server are that an example is about.
fn default_target(example: &str) -> &'static str {
    if example.contains("prod") {
        "dir:/mnt/nas/incus"
    } else {
        "dir:/var/backups/incus"
    }
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    let mut cp = command("cp");
    cp.arg("-a").args([from, to]);
    Ran::of(&cp.output().unwrap()).exits(0);
}

#[rstest]
fn every_example_does_what_it_says(
    #[values(
        "incus-backup",
        "incus-backup-all",
        "incus-backup-bucket",
        "incus-backup-config",
        "incus-backup-image",
        "incus-backup-instance",
        "incus-backup-prune",
        "incus-backup-setup",
        "incus-backup-verify",
        "incus-backup-volume"
    )]
    program: &str,
) {
    let mut all = commands().into_iter();
    let program = all.find(|known| known.get_name() == program).unwrap();
    let stored = Site::stored();
    let pages = pages(&program, "");
    let wrong: Vec<String> = pages
        .iter()
        .flat_map(|page| stored.again().follow(page))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A program that is added has its examples run as well.
#[test]
fn no_program_is_left_out() {
    let names: Vec<String> = commands()
        .iter()
        .map(|it| it.get_name().to_owned())
        .collect();
    let source = include_str!("examples.rs");
    for name in names {
        assert!(source.contains(&format!("        \"{name}\"")), "{name}");
    }
}
