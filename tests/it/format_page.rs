//! `docs/format.md` is enough to read a target with: its own reader is run.

use std::fs;
use std::path::Path;

use incus_backup::testing::fake::Series;

use crate::fake::World;
use crate::lab::{Ran, command};

/// The reader on the page.
fn reader() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/format.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, code) = page.split_once("```python\n").unwrap();
    let (code, _) = code.split_once("```\n").unwrap();
    code.to_owned()
}

#[test]
fn the_reader_of_the_page_reads_what_is_written() {
    if command("python3").arg("--version").output().is_err() {
        eprintln!("left out: no python3");
        return;
    }
    let world = World::new(Series::Lts70);
    {
        let mut state = world.incus.state();
        state.add_pool("tank", "dir");
        state.add_instance("web", "tank", "Stopped", "container");
    }
    let made = world
        .run(&["create", "web", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let version = made[0]["version"].as_str().unwrap().to_owned();
    let folder = world.root().join("fake/instances/default/web");
    let script = world.root().with_file_name("reader.py");
    fs::write(&script, reader()).unwrap();
    let read = || {
        let output = command("python3").arg(&script).arg(world.root()).output();
        Ran::of(&output.unwrap()).exits(0).stdout
    };
    // What is unfinished is no version.
    let unfinished = folder.join(format!(".partial-{version}-x"));
    fs::create_dir(&unfinished).unwrap();
    fs::copy(
        folder.join(&version).join("manifest.json"),
        unfinished.join("manifest.json"),
    )
    .unwrap();
    assert_eq!(read(), format!("instance default None web {version}\n"));
    // What is damaged is none either.
    let archive = folder.join(&version).join("export.tar.zst");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    assert_eq!(read(), "");
}
