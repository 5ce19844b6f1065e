//! Every kind of node, owner, attribute and time comes back: what the server exports before and after
//! is compared member by member.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use incus_backup::model::Sha256;
use rstest::rstest;

use crate::lab::{Lab, command, lab, unique};

/// Makes, in the current folder, what a file system can hold. Run on the host, which has the programs
/// for it; whole seconds, because the server's tar has no others.
const PLANT: &str = r"
set -e
printf one >file; ln file hard; ln -s file soft; ln -s /nowhere dangling; : >nothing
mkdir folder folder/inside; printf in >folder/inside/file
mknod zero c 1 5; mknod disk b 7 99; mknod high c 511 65537; mkfifo pipe
printf two >owned; printf run >program; printf text >coloured
for name in $(seq 60); do printf %s $name >folder/$name; done
chown 0:2000 file; chown 1000:1000 owned folder zero; chown 65534:65534 disk pipe; chown -h 33:44 soft
chown 100000:200000 folder/inside
chmod 4755 program; chmod 2750 folder; chmod 1777 folder/inside; chmod 640 disk; chmod 0 nothing; chmod 600 pipe
setfattr -n user.colour -v green coloured folder
setfattr -n user.binary -v 0x00ff0a3d00 coloured
setfattr -n user.long -v $(head -c 3000 /dev/zero | tr '\0' l) coloured
setfattr -h -n trusted.mark -v here soft
setcap cap_net_raw+ep program
touch -h -d '1999-12-31 23:59:59 UTC' soft dangling
touch -d '1970-01-01 00:00:00 UTC' nothing
touch -d '2001-02-03 04:05:06 UTC' file owned program coloured zero disk high pipe folder/* folder/inside folder .
";

/// One member of an export: all that its headers say, and its content.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    mtime: u64,
    device: (Option<u32>, Option<u32>),
    link: Option<Vec<u8>>,
    xattrs: BTreeMap<String, Vec<u8>>,
    content: Sha256,
}

/// The files of the export of a stopped instance, by path.
fn exported(lab: &Lab, name: &str) -> BTreeMap<String, Member> {
    let file = lab.folder.path().join(unique("export"));
    lab.incus(&[
        "export",
        name,
        file.to_str().unwrap(),
        "--compression=none",
        "--instance-only",
    ]);
    let mut archive = tar::Archive::new(std::fs::File::open(&file).unwrap());
    let mut members = BTreeMap::new();
    let mut records = BTreeMap::new();
    for entry in archive.entries().unwrap().raw(true) {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        if header.entry_type().is_pax_local_extensions() {
            records = parsed(&content);
            continue;
        }
        let own = std::mem::take(&mut records);
        let path = own.get("path").cloned();
        let path = String::from_utf8(path.unwrap_or(header.path_bytes().into_owned())).unwrap();
        let Some(path) = path.strip_prefix("backup/container/rootfs/") else {
            continue;
        };
        let number = |key: &str, plain: u64| {
            own.get(key).map_or(plain, |text| {
                std::str::from_utf8(text).unwrap().parse().unwrap()
            })
        };
        let member = Member {
            kind: header.entry_type().as_byte(),
            mode: header.mode().unwrap(),
            owner: (
                number("uid", header.uid().unwrap()),
                number("gid", header.gid().unwrap()),
            ),
            mtime: header.mtime().unwrap(),
            device: (
                header.device_major().unwrap(),
                header.device_minor().unwrap(),
            ),
            link: own
                .get("linkpath")
                .cloned()
                .or(header.link_name_bytes().map(std::borrow::Cow::into_owned)),
            xattrs: own
                .into_iter()
                .filter_map(|(key, value)| {
                    Some((key.strip_prefix("SCHILY.xattr.")?.to_owned(), value))
                })
                .collect(),
            content: Sha256::of(&content),
        };
        members.insert(path.trim_end_matches('/').to_owned(), member);
    }
    members
}

/// The records of a PAX header: `LENGTH KEY=VALUE\n`. The values of attributes may hold anything, line
/// ends too, which the tar crate's own reader does not take.
fn parsed(mut bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut records = BTreeMap::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space])
            .unwrap()
            .parse()
            .unwrap();
        let (record, rest) = bytes.split_at(length);
        let text = &record[space + 1..length - 1];
        let equals = text.iter().position(|byte| *byte == b'=').unwrap();
        let key = String::from_utf8(text[..equals].to_vec()).unwrap();
        records.insert(key, text[equals + 1..].to_vec());
        bytes = rest;
    }
    records
}

/// A stopped container with a planted tree in `/data`.
fn planted(lab: &mut Lab, privileged: &str) -> String {
    let pool = lab.pool_dir();
    let option = format!("security.privileged={privileged}");
    let name = lab.launch("tree", &["-s", &pool, "-c", &option]);
    lab.incus(&["stop", "-f", &name]);
    let (plain, tree) = (
        lab.folder.path().join("plain"),
        lab.folder.path().join("tree"),
    );
    lab.incus(&[
        "export",
        &name,
        plain.to_str().unwrap(),
        "--compression=none",
    ]);
    lab.incus(&["delete", &name]);
    let data = tree.join("backup/container/rootfs/data");
    let run = |program: &str, arguments: &[&str], folder: &Path| {
        let mut command = command(program);
        let output = command.args(arguments).current_dir(folder).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
    };
    std::fs::create_dir(&tree).unwrap();
    let xattrs = ["--numeric-owner", "--xattrs", "--xattrs-include=*"];
    let unpack = ["-xpf", plain.to_str().unwrap()];
    run("tar", &[&unpack[..], &xattrs].concat(), &tree);
    std::fs::create_dir_all(&data).unwrap();
    run("sh", &["-c", PLANT], &data);
    // The server wants the index first.
    let pack = ["--format=pax", "-cf", plain.to_str().unwrap()];
    let parts = ["backup/index.yaml", "backup/container"];
    run("tar", &[&pack[..], &xattrs, &parts].concat(), &tree);
    lab.incus(&["import", plain.to_str().unwrap()]);
    name
}

#[rstest]
#[case::privileged("true")]
#[case::unprivileged("false")]
fn every_kind_of_node_owner_attribute_and_time_comes_back(#[case] privileged: &str) {
    let Some(mut lab) = lab() else { return };
    let name = planted(&mut lab, privileged);
    let before = exported(&lab, &name);
    // The plant took: none of these is lost before the comparison.
    let member = |path: &str| {
        before
            .get(&format!("data/{path}"))
            .unwrap_or_else(|| panic!("{path} in {:?}", before.keys()))
    };
    assert_eq!(
        (member("zero").kind, member("zero").device),
        (b'3', (Some(1), Some(5)))
    );
    assert_eq!(
        (member("disk").kind, member("disk").device),
        (b'4', (Some(7), Some(99)))
    );
    assert_eq!(member("high").device, (Some(511), Some(65537)));
    assert_eq!(member("pipe").kind, b'6');
    assert_eq!(member("owned").owner, (1000, 1000));
    assert_eq!(member("folder/inside").owner, (100_000, 200_000));
    assert_eq!(member("program").mode & 0o7777, 0o4755);
    assert_eq!(member("coloured").xattrs["user.colour"], b"green");
    assert_eq!(member("coloured").xattrs["user.binary"], b"\0\xff\n=\0");
    assert!(member("program").xattrs.contains_key("security.capability"));
    assert_eq!(member("file").mtime, 981_173_106);

    lab.backup(&["create", &name, "--yes"]).exits(0);
    lab.incus(&["delete", &name]);
    lab.backup(&["restore", &name, "--yes"]).exits(0);
    let after = exported(&lab, &name);
    for (path, member) in &before {
        assert_eq!(after.get(path), Some(member), "{path}");
    }
    assert_eq!(after.len(), before.len());
    lab.incus(&["start", &name]);
    assert_eq!(
        lab.sh(&name, "stat -c '%F %t %T' /data/zero"),
        "character special file 1 5\n"
    );
}
