//! Images on a real Incus: what comes back, and what a damaged one leaves.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, command, lab, unique, variable};

/// Large enough that the beginning of it is sent before its end is known.
const RANDOM: &str = "3MB";

/// What a test image is made of: the lab's own image, with something in it that no other has.
struct Made {
    unified: PathBuf,
    metadata: PathBuf,
    rootfs: PathBuf,
    disk: PathBuf,
}

fn shell(folder: &Path, script: &str) -> String {
    let output = command("sh")
        .args(["-euc", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn make(lab: &Lab) -> Made {
    let name = variable("LAB_IMAGE").unwrap_or_else(|| "busybox".to_owned());
    let folder = lab.folder.path().join(unique("image"));
    std::fs::create_dir(&folder).unwrap();
    let base = folder.join("base");
    lab.incus(&["image", "export", &name, base.to_str().unwrap()]);
    let script = format!(
        "mkdir tree; tar -xf base* -C tree
         head -c {RANDOM} /dev/urandom >tree/rootfs/random
         sed -i 's/description:.*/description: {mark}/' tree/metadata.yaml
         tar -czf unified.tar.gz -C tree metadata.yaml rootfs
         tar -cJf metadata.tar.xz -C tree metadata.yaml
         mksquashfs tree/rootfs rootfs.squashfs -quiet -no-progress >&2
         printf 'QFI\\373\\0\\0\\0\\003' >disk.qcow2; head -c {RANDOM} /dev/urandom >>disk.qcow2",
        mark = unique("mark"),
    );
    shell(&folder, &script);
    let file = |name: &str| folder.join(name);
    Made {
        unified: file("unified.tar.gz"),
        metadata: file("metadata.tar.xz"),
        rootfs: file("rootfs.squashfs"),
        disk: file("disk.qcow2"),
    }
}

/// Imports an image into a project under a new alias; gives the alias and the fingerprint.
fn import(lab: &mut Lab, project: &str, files: &[&Path]) -> (String, String) {
    let alias = unique("alias/of");
    let mut arguments = vec!["--project", project, "image", "import"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    arguments.extend(["--alias", &alias]);
    lab.incus(&arguments);
    let path = format!(
        "/1.0/images/aliases/{}?project={project}",
        alias.replace('/', "%2F")
    );
    let fingerprint = lab.query(&path)["target"].as_str().unwrap().to_owned();
    lab.adopt_image(project, &fingerprint);
    (alias, fingerprint)
}

/// What the server says of an image, but for when it came and was used.
fn described(lab: &Lab, project: &str, fingerprint: &str) -> Value {
    let mut image = lab.query(&format!("/1.0/images/{fingerprint}?project={project}"));
    for gone in ["uploaded_at", "last_used_at"] {
        image.as_object_mut().unwrap().remove(gone);
    }
    image
}

fn exists(lab: &Lab, project: &str, fingerprint: &str) -> bool {
    let path = format!("/1.0/images/{fingerprint}?project={project}");
    lab.try_incus(&["query", &path]).code == Some(0)
}

/// The folders of the versions of an image.
fn versions(lab: &Lab, project: &str, fingerprint: &str) -> Vec<PathBuf> {
    let list = format!("ls -d */images/{project}/{fingerprint}/* 2>/dev/null || true");
    let found = shell(&lab.root(), &list);
    found.lines().map(|line| lab.root().join(line)).collect()
}

fn delete(lab: &Lab, project: &str, fingerprint: &str) {
    lab.incus(&["--project", project, "image", "delete", fingerprint]);
}

#[test]
fn unified_and_split_images_come_back_as_they_were_and_start() {
    let Some(mut lab) = lab() else { return };
    let profile = lab.profile();
    let made = make(&lab);
    let sorts: [&[&Path]; 3] = [
        &[&made.unified],
        &[&made.metadata, &made.rootfs],
        &[&made.metadata, &made.disk],
    ];
    for (at, files) in sorts.into_iter().enumerate() {
        let (alias, fingerprint) = import(&mut lab, "default", files);
        let body = format!(
            r#"{{"auto_update":true,"public":true,"expires_at":"2077-01-02T03:04:05Z",
                "profiles":["default","{profile}"],
                "properties":{{"description":"tést: \"quoted\"","os":"x","empty":""}}}}"#
        );
        let path = format!("/1.0/images/{fingerprint}");
        lab.incus(&["query", "-X", "PUT", "-d", &body, &path]);
        let second = unique("second");
        let body =
            format!(r#"{{"name":"{second}","description":"whät it is","target":"{fingerprint}"}}"#);
        lab.incus(&["query", "-X", "POST", "-d", &body, "/1.0/images/aliases"]);
        let before = described(&lab, "default", &fingerprint);
        assert_eq!(before["aliases"].as_array().unwrap().len(), 2, "{before}");
        lab.backup_of("image", &["create", &alias, "--yes"])
            .exits(0);
        delete(&lab, "default", &fingerprint);
        lab.backup_of("image", &["restore", &alias, "--yes"])
            .exits(0);
        assert_eq!(described(&lab, "default", &fingerprint), before);
        let kind = if at == 2 {
            "virtual-machine"
        } else {
            "container"
        };
        assert_eq!(before["type"], kind);
        // Virtual machines cannot be started here.
        if at < 2 {
            let name = unique("fromimage");
            lab.adopt(&name);
            lab.incus(&["launch", &alias, &name]);
            assert_eq!(lab.sh(&name, "wc -c </random").trim(), "3000000");
            lab.incus(&["delete", "-f", &name]);
        }
        delete(&lab, "default", &fingerprint);
    }
}

#[test]
fn the_same_image_of_two_projects_is_stored_once_and_each_outlives_the_other() {
    let Some(mut lab) = lab() else { return };
    let made = make(&lab);
    let own = lab.project_with(&["features.images=true", "features.profiles=false"]);
    let shares = lab.project_with(&["features.images=false"]);
    let files: [&Path; 2] = [&made.metadata, &made.rootfs];
    let (alias, fingerprint) = import(&mut lab, "default", &files);
    let (own_alias, same) = import(&mut lab, &own, &files);
    assert_eq!(fingerprint, same);
    let before = described(&lab, &own, &fingerprint);
    let create = |project: &str, name: &str| {
        let arguments = ["create", name, "--project", project, "--yes", "-f", "json"];
        lab.backup_of("image", &arguments).exits(0).rows().remove(0)
    };
    assert!(create("default", &alias)["stored_size"].as_u64().unwrap() > 3_000_000);
    assert_eq!(create(&own, &own_alias)["stored_size"], 0);
    // A project that has no images of its own sees those of `default`.
    let row = create(&shares, &alias);
    assert_eq!(
        (&row["project"], &row["stored_size"]),
        (&"default".into(), &0.into())
    );
    let links = |folder: &Path| shell(folder, "stat -c %h metadata.* rootfs.*");
    let default = versions(&lab, "default", &fingerprint);
    assert_eq!((default.len(), links(&default[0]).as_str()), (2, "3\n3\n"));
    shell(&default[0], "sha256sum --quiet -c checksums.txt");
    let arguments = ["delete", &alias, "--all-versions", "--force", "--yes"];
    lab.backup_of("image", &arguments).exits(0);
    delete(&lab, &own, &fingerprint);
    let restore = ["restore", &own_alias, "--project", &own, "--yes"];
    lab.backup_of("image", &restore).exits(0);
    assert_eq!(described(&lab, &own, &fingerprint), before);
}

#[test]
fn every_image_of_every_project_is_listed_once() {
    let Some(mut lab) = lab() else { return };
    let made = make(&lab);
    let own = lab.project_with(&["features.images=true"]);
    lab.project_with(&["features.images=false"]);
    let (_, first) = import(&mut lab, "default", &[&made.unified]);
    let (_, second) = import(&mut lab, &own, &[&made.unified]);
    let arguments = ["create", "--all-projects", "--dry-run", "-f", "json"];
    let rows = lab.backup_of("image", &arguments).exits(0).rows();
    let of = |project: &str, fingerprint: &str| {
        let is = |row: &&Value| row["project"] == project && row["name"] == fingerprint;
        rows.iter().filter(is).count()
    };
    assert_eq!((of("default", &first), of(&own, &second)), (1, 1));
    let mut seen: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["project"], row["name"]))
        .collect();
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

#[test]
fn an_image_goes_to_another_project_by_https() {
    let Some(mut lab) = lab() else { return };
    let remote = variable("LAB_HTTPS_REMOTE").expect("the lab names its HTTPS remote");
    let made = make(&lab);
    let own = lab.project_with(&["features.images=true"]);
    let (alias, fingerprint) = import(&mut lab, "default", &[&made.metadata, &made.rootfs]);
    let there = format!("{remote}:{alias}");
    lab.backup_of("image", &["create", &there, "--yes"])
        .exits(0);
    lab.adopt_image(&own, &fingerprint);
    let arguments = ["restore", &there, "--to-project", &own, "--yes"];
    lab.backup_of("image", &arguments).exits(0);
    let image = described(&lab, &own, &fingerprint);
    assert_eq!(image["aliases"][0]["name"], alias.as_str());
}

#[test]
fn a_damaged_image_leaves_nothing_on_the_server() {
    let Some(mut lab) = lab() else { return };
    let made = make(&lab);
    let server = PathBuf::from(variable("INCUS_DIR").expect("the lab says where Incus is"));
    let on_server = |fingerprint: &str| {
        let list = format!("ls images | grep -e {fingerprint} -e incus_ || true");
        shell(&server, &list)
    };
    for files in [
        vec![made.unified.as_path()],
        vec![&made.metadata, &made.rootfs],
    ] {
        let (alias, fingerprint) = import(&mut lab, "default", &files);
        lab.backup_of("image", &["create", &alias, "--yes"])
            .exits(0);
        delete(&lab, "default", &fingerprint);
        let version = versions(&lab, "default", &fingerprint).remove(0);
        // One bit near the end: most of it has been sent when it is found.
        let script = "f=$(ls -S | head -n 1); size=$(stat -c %s $f)
            byte=$(tail -c 50000 $f | head -c 1 | od -An -tu1)
            printf \"\\\\$(printf %o $((byte ^ 1)))\" |
              dd of=$f bs=1 seek=$((size - 50000)) conv=notrunc 2>/dev/null";
        shell(&version, script);
        let ran = lab
            .backup_of("image", &["restore", &alias, "--yes"])
            .exits(4);
        assert!(
            ran.stderr.contains("is damaged; nothing was imported"),
            "{}",
            ran.stderr
        );
        assert!(!exists(&lab, "default", &fingerprint));
        assert_eq!(on_server(&fingerprint), "");
    }
}

#[test]
fn an_image_is_refused_by_a_name_that_is_none() {
    let Some(lab) = lab() else { return };
    for name in ["no/such", "nosuchimage", ".."] {
        let ran = lab.backup_of("image", &["create", name, "--yes"]).exits(1);
        let says = format!("`{name}` is neither an alias nor the beginning of a fingerprint");
        assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    }
}
