//! Export tars of custom volumes and buckets: what they promise, and what breaks it.

use std::io::Write as _;

use incus_backup::archive::{
    ArchiveError, ContentType, Contents, Edit, Pass, Passage, Raw, Relocation,
};
use incus_backup::testing::tarball::{END, Node, member};
use incus_backup::testing::volume_tar::VolumeTar;
use rstest::rstest;
use serde_json::json;

fn pass(
    tar: &[u8],
    edit: Option<Box<dyn Edit + Send>>,
) -> Result<(Vec<u8>, Contents), ArchiveError> {
    let mut pass = Pass::new(Vec::new(), edit);
    for chunk in tar.chunks(777) {
        pass.write_all(chunk)
            .map_err(|error| ArchiveError::from_io(error).unwrap())?;
    }
    pass.finish()
}

fn filesystem() -> VolumeTar {
    VolumeTar::filesystem("data")
        .file("a", b"one")
        .snapshot(&json!({ "name": "data/s0" }))
}

fn block() -> VolumeTar {
    VolumeTar::block("disk")
        .disk(vec![3; 4096])
        .snapshot(&json!({ "name": "s0" }))
}

#[rstest]
#[case(filesystem(), ContentType::Filesystem)]
#[case(block(), ContentType::Block)]
#[case(filesystem().pool("tank", "btrfs").optimized().disk(vec![1; 9]), ContentType::Filesystem)]
#[case(VolumeTar::bucket("photos").file("2026/a.jpg", b"x"), ContentType::Bucket)]
#[case(VolumeTar::bucket("empty"), ContentType::Bucket)]
#[case(VolumeTar::filesystem("empty"), ContentType::Filesystem)]
fn a_whole_archive_of_each_kind_passes_as_it_is(
    #[case] tar: VolumeTar,
    #[case] content: ContentType,
) {
    let tar = tar.build();
    let (out, contents) = pass(&tar, None).unwrap();
    assert_eq!(out, tar);
    assert_eq!(contents.index.content, content);
}

#[test]
fn an_archive_that_lacks_what_its_index_promises_is_refused() {
    for (tar, missing) in [
        (filesystem(), "backup/volume-snapshots/s0/"),
        (block(), "backup/volume.img"),
    ] {
        let index = member("backup/index.yaml", &Node::File(tar.index().into_bytes()));
        let lone = if missing.ends_with('/') {
            member("backup/volume", &Node::Directory)
        } else {
            member("backup/volume-snapshots/s0.img", &Node::File(vec![1; 9]))
        };
        let tar = [index, lone, END.to_vec()].concat();
        match pass(&tar, None).unwrap_err() {
            ArchiveError::Missing(path) => assert_eq!(path, missing),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_disk_of_no_bytes_is_refused() {
    let tar = VolumeTar::block("disk").disk(Vec::new()).build();
    assert!(matches!(
        pass(&tar, None),
        Err(ArchiveError::Empty(path)) if path == "backup/volume.img"
    ));
}

#[rstest]
#[case("backup/container/rootfs/x")]
#[case("backup/volume-snapshots/other/x")]
#[case("backup/volume/../../etc/x")]
fn a_member_that_has_no_place_in_a_volume_is_refused(#[case] path: &str) {
    let mut tar = filesystem().build();
    let at = tar.len() - END.len();
    tar.truncate(at);
    tar.extend(member(path, &Node::File(b"x".to_vec())));
    tar.extend(END);
    assert!(matches!(pass(&tar, None), Err(ArchiveError::Name(name)) if name == path));
}

#[test]
fn a_volume_of_an_unknown_kind_is_refused() {
    let tar = VolumeTar::filesystem("x").described(&json!({ "content_type": "tape" }));
    assert!(matches!(
        pass(&tar.build(), None),
        Err(ArchiveError::Key { key: "type", .. })
    ));
}

#[rstest]
#[case(filesystem(), "volume")]
#[case(VolumeTar::bucket("photos"), "bucket")]
fn another_name_and_pool_stand_in_the_index_and_nothing_else_changes(
    #[case] tar: VolumeTar,
    #[case] key: &str,
) {
    let relocation = Relocation {
        name: Some("né w".parse().unwrap()),
        pool: Some("tank".parse().unwrap()),
        ..Relocation::default()
    };
    let (out, _) = pass(&tar.build(), Some(Box::new(relocation))).unwrap();
    let (_, contents) = pass(&out, None).unwrap();
    let mut expected: serde_yaml::Value = serde_yaml::from_str(&tar.index()).unwrap();
    expected["name"] = "né w".into();
    expected["pool"] = "tank".into();
    expected["config"][key]["name"] = "né w".into();
    assert_eq!(contents.index.document, expected);
}

#[test]
fn what_is_no_tar_is_handed_on_and_counted() {
    let mut raw = Raw::new(Vec::new());
    raw.write_all(b"CD001").unwrap();
    raw.write_all(&[7; 100]).unwrap();
    let (out, size) = raw.finish().unwrap();
    assert_eq!((out.len(), size.0), (105, 105));
}
