//! Export tars, whole and damaged, through the one pass that backups and restores make.

use std::io::{Read, Write};
use std::num::NonZeroUsize;

use incus_backup::archive::{
    ArchiveError, Compression, Contents, Edit, FrameWriter, Identity, Original, Pass, Placement,
    References, decoder,
};
use incus_backup::testing::tarball::{Node, Tarball, header, member, pax};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

fn container() -> Tarball {
    Tarball::container("web")
        .snapshot("s0")
        .snapshot_file("rootfs/etc/hostname", b"old")
        .file("rootfs/etc/hostname", b"new")
        .file("rootfs/data/large", &[7; 5000])
        .node("rootfs/data/link", Node::Symlink("/etc/passwd".into()))
        .node(
            "rootfs/usr/hard",
            Node::Hardlink("rootfs/etc/hostname".into()),
        )
        .file(
            &format!("rootfs/{}", "long/".repeat(60)),
            b"a path that needs a PAX record",
        )
        .file("rootfs/dätä/ünï", b"x")
}

/// Passes a tar in chunks of `size`.
fn pass(
    tar: &[u8],
    size: usize,
    edit: Option<Box<dyn Edit + Send>>,
) -> Result<(Vec<u8>, Contents), ArchiveError> {
    let mut pass = Pass::new(Vec::new(), edit);
    for chunk in tar.chunks(size) {
        if let Err(error) = pass.write_all(chunk) {
            assert!(pass.write(b"more").is_err(), "what failed stays failed");
            return Err(ArchiveError::from_io(error).unwrap());
        }
    }
    pass.finish()
}

#[rstest]
#[case(1)]
#[case(511)]
#[case(512)]
#[case(1000)]
#[case(1 << 20)]
fn a_whole_archive_passes_byte_by_byte(#[case] size: usize) {
    for tar in [
        container().build(),
        Tarball::virtual_machine("vm")
            .snapshot("s0")
            .disk(vec![1; 4096])
            .build(),
        Tarball::container("opt")
            .pool("tank", "btrfs")
            .optimized()
            .snapshot("s0")
            .disk(vec![1; 99])
            .build(),
    ] {
        let (out, contents) = pass(&tar, size, None).unwrap();
        assert_eq!(out, tar);
        assert_eq!(contents.size.0, tar.len() as u64);
        assert_eq!(
            contents.index.snapshots.len(),
            usize::from(contents.index.name != "none")
        );
    }
}

proptest! {
    #[test]
    fn an_archive_that_is_cut_anywhere_is_refused(cut in 0usize..200_000) {
        let tar = container().build();
        let cut = cut % tar.len();
        prop_assert!(pass(&tar[..cut], 4096, None).is_err());
    }

    #[test]
    fn a_damaged_archive_never_panics(at in 0usize..200_000, bit in 0u8..8) {
        let mut tar = container().build();
        let at = at % tar.len();
        tar[at] ^= 1 << bit;
        let _ = pass(&tar, 4096, None);
    }

    #[test]
    fn nonsense_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        prop_assert!(pass(&bytes, 333, None).is_err());
    }

    #[test]
    fn a_flipped_bit_of_a_stored_archive_is_found(at in 0usize..1_000_000, bit in 0u8..8) {
        let tar = container().build();
        let mut stored = frames(&tar);
        let at = at % stored.len();
        stored[at] ^= 1 << bit;
        let mut plain = Vec::new();
        let read = decoder(&stored[..]).read_to_end(&mut plain);
        // The seek table is not part of the data: its bits are the checksum's matter.
        prop_assert!(read.is_err() || plain == tar || pass(&plain, 4096, None).is_err());
    }
}

fn frames(plain: &[u8]) -> Vec<u8> {
    let threads = NonZeroUsize::new(3).unwrap();
    let zstd = Compression::Zstd { level: 3 };
    let mut writer = FrameWriter::new(Vec::new(), zstd, threads).unwrap();
    writer.write_all(plain).unwrap();
    let (stored, totals) = writer.finish().unwrap();
    assert_eq!(
        (totals.plain.0, totals.stored.0),
        (plain.len() as u64, stored.len() as u64)
    );
    stored
}

#[rstest]
#[case(0)]
#[case(1)]
#[case((4 << 20) - 1)]
#[case(4 << 20)]
#[case((4 << 20) + 1)]
#[case(30 << 20)]
fn frames_come_back_and_have_a_seek_table(#[case] size: usize) {
    let plain = noise(size);
    let stored = frames(&plain);
    let mut back = Vec::new();
    decoder(&stored[..]).read_to_end(&mut back).unwrap();
    assert!(back == plain);
    // Facebook's zstd, contrib/seekable_format: the footer counts the frames and ends in a magic.
    let footer = &stored[stored.len() - 9..];
    let count = u32::from_le_bytes(footer[..4].try_into().unwrap());
    assert_eq!(count as usize, size.div_ceil(4 << 20));
    assert_eq!(footer[5..], 0x8F92_EAB1u32.to_le_bytes());
    // The first frame stands for itself.
    if size > 0 {
        let table = &stored[stored.len() - 9 - 8 * count as usize..];
        let packed = u32::from_le_bytes(table[..4].try_into().unwrap()) as usize;
        let first = zstd::decode_all(&stored[..packed]).unwrap();
        assert!(first == plain[..size.min(4 << 20)]);
    }
}

/// Bytes that do not compress (xorshift).
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// A sink that fails after some bytes, like a full disk.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_by_its_own_error() {
    let threads = NonZeroUsize::new(2).unwrap();
    let zstd = Compression::Zstd { level: 1 };
    let mut writer = FrameWriter::new(Full(6 << 20), zstd, threads).unwrap();
    let error = match writer.write_all(&noise(32 << 20)) {
        Err(error) => error,
        Ok(()) => writer.finish().map(drop).unwrap_err(),
    };
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

/// An index, and then these members.
fn with(members: &[Vec<u8>]) -> Vec<u8> {
    let whole = Tarball::container("web").file("rootfs/x", b"x").build();
    let mut tar = whole[..whole.len() - 1024].to_vec();
    tar.extend(members.concat());
    tar.extend([0; 1024]);
    tar
}

#[rstest]
#[case::upwards(vec![member("backup/container/../../etc/passwd", &Node::File(vec![1]))])]
#[case::absolute(vec![member("/etc/passwd", &Node::File(vec![1]))])]
#[case::elsewhere(vec![member("etc/passwd", &Node::File(vec![1]))])]
#[case::unknown(vec![member("backup/other/x", &Node::File(vec![1]))])]
#[case::unknown_snapshot(vec![member("backup/snapshots/s9/x", &Node::File(vec![1]))])]
#[case::index_again(vec![member("backup/index.yaml", &Node::File(b"name: x".to_vec()))])]
#[case::record_again(vec![member("backup/container/backup.yaml", &Node::File(b"{}".to_vec()))])]
#[case::root_is_a_link(vec![member("backup/container/rootfs", &Node::Symlink("/".into()))])]
#[case::link_out(vec![header("", "backup/container/rootfs/l", "etc/passwd", b'1', 0).to_vec()])]
#[case::link_to_nothing(vec![header("", "backup/container/rootfs/l", "backup/container/rootfs/none", b'1', 0).to_vec()])]
#[case::link_to_itself(vec![header("", "backup/container/rootfs/l", "backup/container/rootfs/l", b'1', 0).to_vec()])]
#[case::link_ahead(vec![header("", "backup/container/rootfs/l", "backup/container/rootfs/m", b'1', 0).to_vec(),
    member("backup/container/rootfs/m", &Node::File(vec![1]))])]
#[case::link_to_a_folder(vec![header("", "backup/container/rootfs/l", "backup/container/rootfs", b'1', 0).to_vec()])]
#[case::huge_size(vec![pax("backup/container/rootfs/l", &[("size", "18446744073709551615")]),
    header("", "backup/container/rootfs/l", "", b'0', 0).to_vec()])]
#[case::json_tail(vec![[0; 1024].to_vec(), b"{\"type\":\"error\",\"error\":\"gone\"}".to_vec()])]
fn what_an_export_does_not_have_is_refused(#[case] members: Vec<Vec<u8>>) {
    let error = pass(&with(&members), 4096, None).unwrap_err();
    assert!(!error.to_string().is_empty());
}

#[test]
fn the_server_s_own_words_are_told() {
    let mut tar = container().build();
    tar.extend(br#"{"type":"error","error":"archive/tar: missed writing 7 bytes"}"#);
    let error = pass(&tar, 4096, None).unwrap_err().to_string();
    assert_eq!(
        error,
        "the server broke the export off: archive/tar: missed writing 7 bytes"
    );
}

#[test]
fn a_promise_that_is_not_kept_is_named() {
    let promised = Tarball::container("web")
        .snapshot("s0")
        .file("rootfs/x", b"x")
        .build();
    // The snapshot's members are made those of another volume.
    let text = String::from_utf8_lossy(&promised).into_owned();
    assert!(text.contains("backup/snapshots/s0"));
    let lacking = Tarball::container("web").file("rootfs/x", b"x");
    let index = Tarball::container("web").snapshot("s0").index();
    let body = lacking.build();
    let own = member(
        "backup/index.yaml",
        &Node::File(lacking.index().into_bytes()),
    )
    .len();
    let tar = [
        member("backup/index.yaml", &Node::File(index.into_bytes())),
        body[own..].to_vec(),
    ]
    .concat();
    let error = pass(&tar, 4096, None).unwrap_err().to_string();
    assert!(
        error.contains("backup/snapshots/s0") || error.contains("differently"),
        "{error}"
    );
}

fn described(name: &str) -> serde_json::Value {
    json!({ "name": name, "type": "container", "project": "default", "architecture": "x86_64",
        "status": "Running", "status_code": 103, "ephemeral": false, "stateful": false,
        "profiles": ["default", "web"], "description": "what: \"it\" is", "location": "none",
        "created_at": "2026-01-02T03:04:05Z", "last_used_at": "2026-01-02T03:04:05Z",
        "config": { "user.date": "2001-01-01", "user.num": "1_000", "user.octal": "010",
            "user.no": "no", "user.null": "~", "user.lines": "a\n  b: [c]\n",
            "volatile.uuid": "u1", "volatile.last_state.power": "RUNNING",
            "volatile.eth0.hwaddr": "10:66:6a:00:00:01", "volatile.last_state.idmap": "[original]" },
        "expanded_config": {}, "devices": { "root": { "type": "disk", "path": "/", "pool": "tank" } },
        "expanded_devices": { "root": { "type": "disk", "path": "/", "pool": "tank" } } })
}

/// The two descriptions in an archive: the index, and the record in the volume.
fn documents(tar: &[u8]) -> (serde_yaml::Value, serde_yaml::Value) {
    let mut found = (None, None);
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        match path.as_str() {
            "backup/index.yaml" => {
                entry.read_to_string(&mut text).unwrap();
                found.0 = Some(serde_yaml::from_str(&text).unwrap());
            }
            "backup/container/backup.yaml" => {
                entry.read_to_string(&mut text).unwrap();
                found.1 = Some(serde_yaml::from_str(&text).unwrap());
            }
            _ => {}
        }
    }
    (found.0.unwrap(), found.1.unwrap())
}

#[test]
fn the_archive_of_a_copy_names_and_describes_the_original() {
    let mut copy = described("incus-backup-tmp-1");
    copy["config"] = json!({ "user.incus-backup": "me", "volatile.last_state.idmap": "[copy]" });
    copy["profiles"] = json!([]);
    let tar = Tarball::container("incus-backup-tmp-1")
        .pool("tank", "dir")
        .instance(&copy)
        .snapshot("s0")
        .snapshot_file("rootfs/x", b"x")
        .file("rootfs/x", b"x")
        .build();
    let snapshot = json!({ "name": "s0", "expires_at": "2077-01-02T03:04:05Z", "config": {},
        "created_at": "2026-01-01T00:00:00Z", "profiles": ["default"], "devices": {} });
    let original = Original {
        name: "web".parse().unwrap(),
        instance: described("web"),
        snapshots: vec![snapshot],
        profiles: vec![json!({ "name": "default" }), json!({ "name": "web" })],
    };
    let (out, contents) = pass(&tar, 777, Some(Box::new(original))).unwrap();
    assert_eq!(contents.index.name, "incus-backup-tmp-1");
    let (index, record) = documents(&out);
    assert_eq!(index["config"], record, "both say the same");
    assert_eq!(index["name"], "web");
    let mut wanted = described("web");
    wanted["config"]["volatile.last_state.idmap"] = json!("[copy]");
    assert_eq!(
        serde_json::to_value(&record["container"]["config"]).unwrap(),
        wanted["config"]
    );
    assert_eq!(
        record["container"]["profiles"],
        serde_yaml::to_value(["default", "web"]).unwrap()
    );
    assert_eq!(record["snapshots"][0]["expires_at"], "2077-01-02T03:04:05Z");
    assert_eq!(record["profiles"][1]["name"], "web");
    assert_eq!(record["volume"]["name"], "web");
    // What it now is passes again, with an expiry to put back.
    let (_, contents) = pass(&out, 4096, None).unwrap();
    let expiries = contents.index.snapshot_expiries();
    assert_eq!(expiries[0].1.to_string(), "2077-01-02T03:04:05Z");
    // go-yaml takes a plain 2001-01-01 for a time, 1_000 for a number, and refuses the first.
    let text = String::from_utf8_lossy(&out);
    for (key, value) in [
        ("user.date", "2001-01-01"),
        ("user.num", "1_000"),
        ("user.no", "no"),
    ] {
        let quoted = [format!("{key}: \"{value}\""), format!("{key}: '{value}'")];
        assert!(quoted.iter().any(|line| text.contains(line)), "{key}");
    }
}

#[rstest]
#[case(Identity::Keep, true)]
#[case(Identity::New, false)]
fn a_placed_instance_has_its_name_pool_and_identity(
    #[case] identity: Identity,
    #[case] same: bool,
) {
    let tar = Tarball::container("web")
        .pool("tank", "dir")
        .instance(&described("web"))
        .snapshot("s0")
        .snapshot_file("rootfs/x", b"x")
        .file("rootfs/x", b"x")
        .build();
    let placement = Placement {
        name: "copy".parse().unwrap(),
        pool: Some("fast".parse().unwrap()),
        project: "other".parse().unwrap(),
        identity,
        references: References::default(),
        config: vec![("user.mark".to_owned(), "yes: it is".to_owned())],
    };
    let (out, _) = pass(&tar, 777, Some(Box::new(placement))).unwrap();
    let (index, record) = documents(&out);
    assert_eq!(index["config"], record);
    assert_eq!(
        (&index["name"], &index["pool"]),
        (&"copy".into(), &"fast".into())
    );
    let config = &record["container"]["config"];
    assert_eq!(config.get("volatile.uuid").is_some(), same);
    assert_eq!(config.get("volatile.eth0.hwaddr").is_some(), same);
    assert_eq!(
        record["snapshots"][0]["config"]
            .get("volatile.uuid")
            .is_some(),
        same
    );
    assert_eq!(config["volatile.last_state.power"], "STOPPED");
    assert_eq!(config["volatile.last_state.idmap"], "[original]");
    assert_eq!(config["user.mark"], "yes: it is");
    assert_eq!(record["snapshots"][0]["config"].get("user.mark"), None);
    assert_eq!(record["container"]["devices"]["root"]["pool"], "fast");
    assert_eq!(record["container"]["project"], "other");
}

/// The most memory that this process has ever had, in bytes.
pub fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kibibytes: u64 = line
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kibibytes * 1024
}

/// What a test may need on top of what it found: other tests of the process have theirs too.
pub const MODEST: u64 = 128 << 20;

#[test]
fn a_body_of_which_most_is_missing_is_truncated_and_costs_nothing() {
    let before = peak();
    let size = (10u64 << 30).to_string();
    let tar = with(&[
        pax("backup/container/rootfs/l", &[("size", &size)]),
        header("", "backup/container/rootfs/l", "", b'0', 0).to_vec(),
        vec![7; 100_000],
    ]);
    let length = tar.len() as u64;
    let error = pass(&tar, 4096, None).unwrap_err();
    assert!(
        matches!(error, ArchiveError::Truncated(at) if at == length),
        "{error}"
    );
    assert!(peak() - before < MODEST);
}

#[rstest]
#[case::aliases_of_a_list(format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(30_000), "*a,".repeat(2_000)))]
#[case::aliases_of_a_text(format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a,".repeat(9_000)))]
#[case::laughs((1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
    let before = at - 1;
    text + &format!("a{at}: &a{at} [*a{before}, *a{before}]\n")
}))]
#[case::merges((1..40).fold("a0: &a0 {x: x}\n".to_owned(), |text, at| {
    text + &format!("a{at}: &a{at} {{<<: *a{}, k{at}: x}}\n", at - 1)
}))]
#[case::nested_lists("[".repeat(1 << 20))]
#[case::nested_maps("{a: ".repeat(1 << 18))]
#[case::nested_entries("- ".repeat(1 << 19))]
#[case::large("a: ".to_owned() + &"x".repeat(1 << 20))]
fn an_index_that_unfolds_is_refused_in_little_time_and_memory(#[case] index: String) {
    let before = peak();
    let good = Tarball::container("web").index();
    for text in [index.clone(), format!("{good}{index}")] {
        let tar = member("backup/index.yaml", &Node::File(text.into_bytes()));
        pass(&tar, 4096, None).unwrap_err();
    }
    assert!(peak() - before < MODEST);
}

#[test]
fn a_record_that_unfolds_is_refused_too() {
    let whole = Tarball::container("web").build();
    let index = Tarball::container("web").index().into_bytes();
    let own = member("backup/index.yaml", &Node::File(index)).len();
    let bomb = format!(
        "a: &a [{}]\nb: [{}]\n",
        "x,".repeat(30_000),
        "*a,".repeat(2_000)
    );
    let tar = [
        whole[..own].to_vec(),
        member(
            "backup/container/backup.yaml",
            &Node::File(bomb.into_bytes()),
        ),
    ];
    let error = pass(&tar.concat(), 4096, None).unwrap_err();
    assert!(matches!(error, ArchiveError::Document { .. }), "{error}");
}

/// A frame says how much of what was its reader must remember.
#[rstest]
#[case(22, true)]
#[case(27, false)]
fn a_frame_that_asks_for_much_memory_is_refused(#[case] window: u32, #[case] taken: bool) {
    let mut writer = zstd::Encoder::new(Vec::new(), 1).unwrap();
    writer.window_log(window).unwrap();
    writer.write_all(&vec![7; 100_000]).unwrap();
    let stored = writer.finish().unwrap();
    let mut plain = Vec::new();
    let read = decoder(&stored[..]).read_to_end(&mut plain);
    assert_eq!(read.is_ok(), taken);
}

#[test]
fn what_a_frame_unfolds_to_is_not_held() {
    let before = peak();
    let frame = zstd::encode_all(&vec![0; 64 << 20][..], 3).unwrap();
    let bomb = frame.repeat(16);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let count = std::io::copy(&mut decoder(&bomb[..]), &mut std::io::sink()).unwrap();
    assert_eq!(count, 1 << 30);
    assert!(peak() - before < MODEST);
}
