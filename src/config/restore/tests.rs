//! Plans by table: what is done to what, and in which order.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::super::document::tests::document;
use super::super::document::{Document, Section};
use super::plan_restore;
use super::request::{Connection, RestoreFacts, RestoreRequest};
use super::wire::create_body;
use super::work::{Change, Work};
use crate::config::renamed;
use crate::model::{ObjectId, ObjectKind};
use crate::plan::{Existing, Mapping, Plan};

fn facts(backup: Document, server: Document) -> RestoreFacts {
    RestoreFacts {
        backup,
        notes: BTreeMap::new(),
        left_out: Vec::new(),
        server,
        members: Vec::new(),
        connection: Connection::default(),
        now: "2026-01-31T00:00:00Z".parse().unwrap(),
    }
}

/// What a plan does, as `action name: reason`.
fn told(plan: &Plan<Work>) -> Vec<String> {
    plan.rows()
        .map(|row| {
            let name = row.object.as_ref().unwrap().path();
            format!("{} {name}: {}", row.action, row.reason)
        })
        .collect()
}

fn planned(request: &RestoreRequest, facts: &RestoreFacts) -> Vec<String> {
    told(&plan_restore(request, facts))
}

/// The bodies that a plan would send to make things.
fn bodies(request: &RestoreRequest, facts: &RestoreFacts) -> Vec<Value> {
    let approved = plan_restore(request, facts).approve(crate::plan::Consent::given_by_yes());
    approved
        .into_steps()
        .into_iter()
        .filter_map(|step| match step.into_parts().1? {
            Work {
                id,
                change: Change::Create(object),
                ..
            } => Some(Value::Object(create_body(&id, &object))),
            _ => None,
        })
        .collect()
}

fn pool(name: &str, driver: &str, config: &Value) -> (ObjectKind, Value) {
    let raw = json!({ "name": name, "driver": driver, "description": "", "config": config });
    (ObjectKind::StoragePool, raw)
}

fn key(name: &str, value: &str) -> (ObjectKind, Value) {
    (
        ObjectKind::ServerKey,
        json!({ "name": name, "value": value }),
    )
}

#[rstest]
#[case("btrfs", json!({ "source": "/x/disks/p.img", "size": "5GiB" }), "create p: ")]
#[case("dir", json!({ "source": "/x/storage-pools/p" }), "create p: ")]
#[case("dir", json!({ "source": "/srv/p" }), "create p: ")]
#[case("btrfs", json!({ "source": "/dev/sdb" }),
    "refuse p: it was on `/dev/sdb`, which is not taken without being told: --pool-source p=SOURCE")]
#[case("zfs", json!({ "source": "tank/incus", "zfs.pool_name": "tank/incus" }),
    "refuse p: it was on `tank/incus`, which is not taken without being told: --pool-source p=SOURCE")]
fn what_a_pool_stands_on_is_not_taken_by_the_way(
    #[case] driver: &str,
    #[case] config: Value,
    #[case] expected: &str,
) {
    let facts = facts(document(&[pool("p", driver, &config)]), document(&[]));
    assert_eq!(planned(&RestoreRequest::default(), &facts), [expected]);
}

#[test]
fn a_pool_is_made_where_the_user_says_and_its_source_is_never_wiped() {
    let config = json!({ "source": "/dev/sdb", "source.wipe": "true", "size": "5GiB" });
    let facts = facts(document(&[pool("p", "btrfs", &config)]), document(&[]));
    let request = RestoreRequest {
        pool_sources: [("p".to_owned(), "/dev/vdc".to_owned())].into(),
        ..RestoreRequest::default()
    };
    assert_eq!(planned(&request, &facts), ["create p: on `/dev/vdc`"]);
    assert_eq!(
        bodies(&request, &facts),
        [json!({ "name": "p", "driver": "btrfs", "description": "",
            "config": { "source": "/dev/vdc", "size": "5GiB" } })]
    );
    let default = json!({ "source": "/x/disks/p.img", "size": "5GiB" });
    let facts = super::tests::facts(document(&[pool("p", "btrfs", &default)]), document(&[]));
    assert_eq!(
        bodies(&RestoreRequest::default(), &facts)[0]["config"],
        json!({ "size": "5GiB" })
    );
}

#[rstest]
#[case(pool("p", "btrfs", &json!({ "source": "/dev/vdc", "size": "5GiB" })), "skip p: it is equal")]
#[case(pool("p", "btrfs", &json!({ "source": "/dev/vdc" })), "update p: config.size")]
#[case(pool("p", "dir", &json!({})), "refuse p: its driver is another there, and cannot be changed")]
fn a_pool_that_is_there_stays_where_it_is(
    #[case] present: (ObjectKind, Value),
    #[case] expected: &str,
) {
    let stored = pool(
        "p",
        "btrfs",
        &json!({ "source": "/dev/sdb", "size": "5GiB" }),
    );
    let facts = facts(document(&[stored]), document(&[present]));
    assert_eq!(planned(&RestoreRequest::default(), &facts), [expected]);
}

#[test]
fn a_project_is_made_with_its_features_and_limited_at_the_end() {
    let project = json!({ "name": "shop", "description": "", "config": {
        "features.profiles": "true", "restricted": "true", "limits.cpu": "4" } });
    let profile = |name: &str| {
        let raw = json!({ "name": name, "project": "shop", "config": {} });
        (ObjectKind::Profile, raw)
    };
    let backup = document(&[
        (ObjectKind::Project, project),
        profile("default"),
        profile("web"),
    ]);
    let facts = facts(backup, document(&[]));
    let request = RestoreRequest::default();
    assert_eq!(
        planned(&request, &facts),
        [
            "create shop: ",
            "update default: the server makes it with its project",
            "create web: ",
            "update shop: config.limits.cpu, config.restricted",
        ]
    );
    assert_eq!(
        bodies(&request, &facts)[0]["config"],
        json!({ "features.profiles": "true", "features.images": "false",
            "features.storage.buckets": "false", "features.storage.volumes": "false" })
    );
}

#[test]
fn features_of_a_project_that_holds_something_are_not_changed() {
    let project = |features: &str, used_by: &[&str]| {
        let raw = json!({ "name": "shop", "config": { "features.images": features },
            "used_by": used_by });
        document(&[(ObjectKind::Project, raw)])
    };
    let own = "/1.0/profiles/default?project=shop";
    let empty = facts(project("true", &[]), project("false", &[own]));
    let request = RestoreRequest::default();
    assert_eq!(
        planned(&request, &empty),
        ["update shop: config.features.images"]
    );
    let used = facts(
        project("true", &[]),
        project("false", &[own, "/1.0/instances/c1"]),
    );
    assert_eq!(
        planned(&request, &used),
        ["refuse shop: its features differ, and cannot be changed while it holds anything"]
    );
}

#[test]
fn what_would_cut_the_connection_off_is_last_and_only_where_it_would() {
    let backup = document(&[
        key("core.https_address", ":8443"),
        key("oidc.issuer", "https://x"),
        key("user.a", "1"),
        key("storage.images_volume", "p/v"),
    ]);
    let mut facts = facts(backup, document(&[key("core.https_address", ":1")]));
    let request = RestoreRequest::default();
    let refused = "refuse storage.images_volume: volume `p/v` is not there: bring it back with \
                   incus-backup-volume, then run this again";
    assert_eq!(
        planned(&request, &facts),
        [
            "create user.a: ",
            "update core.https_address: ",
            "create oidc.issuer: ",
            refused
        ]
    );
    facts.connection.by_address = true;
    let cuts = "update core.https_address: the last step: this client reaches the server by that \
                address, and may be cut off";
    assert_eq!(
        planned(&request, &facts),
        ["create user.a: ", "create oidc.issuer: ", refused, cuts]
    );
}

#[test]
fn a_certificate_that_is_trusted_is_left_alone_and_one_that_has_expired_is_told() {
    let certificate = |name: &str, not_after: i32| {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(not_after, 1, 2);
        let pair = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&pair).unwrap().pem();
        let raw = json!({ "fingerprint": name, "name": name, "type": "client", "restricted": false,
            "projects": [], "description": "", "certificate": pem });
        (ObjectKind::Certificate, raw)
    };
    let known = certificate("known", 2099);
    let backup = document(&[
        known.clone(),
        certificate("new", 2099),
        certificate("old", 2020),
    ]);
    let facts = facts(backup, document(&[known]));
    let request = RestoreRequest::default();
    assert_eq!(
        planned(&request, &facts),
        [
            "skip known: it is equal",
            "create new: trusts `new`",
            "refuse old: certificate `old` expired on 2020-01-02",
        ]
    );
    let body = &bodies(&request, &facts)[0];
    let base64 = body["certificate"].as_str().unwrap();
    assert!(!base64.contains('-') && !base64.contains('\n'), "{base64}");
    assert_eq!(
        (&body["name"], &body["fingerprint"]),
        (&json!("new"), &Value::Null)
    );
}

#[test]
fn what_one_side_could_not_read_is_neither_made_nor_called_extra() {
    let profile = (ObjectKind::Profile, json!({ "name": "p", "config": {} }));
    let full = document(&[profile]);
    let mut torn = full.clone();
    let unreadable = Section::Unreadable("on fire".to_owned());
    torn.sections.insert(ObjectKind::Profile, unreadable);
    let force = RestoreRequest {
        force: true,
        ..RestoreRequest::default()
    };
    assert_eq!(
        planned(&force, &facts(torn.clone(), full.clone())),
        ["refuse profiles: the backup does not hold them: on fire"]
    );
    assert_eq!(
        planned(&force, &facts(full, torn)),
        ["refuse profiles: the server does not give them: on fire"]
    );
}

#[test]
fn what_has_no_project_on_the_server_is_refused() {
    let profile = json!({ "name": "p", "project": "gone", "config": {} });
    let facts = facts(document(&[(ObjectKind::Profile, profile)]), document(&[]));
    assert_eq!(
        planned(&RestoreRequest::default(), &facts),
        ["refuse p: project `gone` is not there"]
    );
}

#[test]
fn a_row_names_what_changes_and_not_what_it_becomes() {
    let profile = |secret: &str| {
        let raw = json!({ "name": "p", "config": { "environment.KEY": secret } });
        document(&[
            (ObjectKind::Profile, raw),
            (
                ObjectKind::Project,
                json!({ "name": "default", "config": {} }),
            ),
        ])
    };
    let facts = facts(profile("hunter2"), profile("hunter3"));
    let plan = planned(&RestoreRequest::default(), &facts);
    assert_eq!(
        plan,
        [
            "skip default: it is equal",
            "update p: config.environment.KEY"
        ]
    );
}

#[test]
fn each_member_of_a_cluster_gets_what_is_its_own() {
    let config = json!({ "source": "/x/disks/p.img", "size": "5GiB", "rsync.bwlimit": "1" });
    let single = document(&[
        pool("p", "btrfs", &config),
        key("core.https_address", ":8443"),
    ]);
    let mut facts = facts(single, document(&[]));
    facts.members = vec!["m1".parse().unwrap(), "m2".parse().unwrap()];
    let request = RestoreRequest::default();
    assert_eq!(
        planned(&request, &facts),
        [
            "create p: ",
            "skip core.https_address: each member of the cluster has its own"
        ]
    );
    let approved = plan_restore(&request, &facts).approve(crate::plan::Consent::given_by_yes());
    let works = approved
        .into_steps()
        .into_iter()
        .filter_map(|step| step.into_parts().1);
    let objects: Vec<_> = works
        .map(|work| match work.change {
            Change::Create(object) => object,
            change => panic!("{change:?}"),
        })
        .collect();
    assert_eq!(objects[0].set["config"], json!({ "rsync.bwlimit": "1" }));
    assert_eq!(
        objects[0].set["members"],
        json!({ "m1": { "size": "5GiB" }, "m2": { "size": "5GiB" } })
    );
    assert_eq!(bodies(&request, &facts)[0].get("members"), None);
}

#[test]
fn a_cluster_s_pool_comes_to_a_single_server_as_its_first_member_had_it() {
    let mut backup = document(&[pool("p", "btrfs", &json!({ "rsync.bwlimit": "1" }))]);
    if let Some(Section::Objects(pools)) = backup.sections.get_mut(&ObjectKind::StoragePool) {
        let members = json!({ "m1": { "size": "5GiB" }, "m2": { "size": "6GiB" } });
        for pool in pools.values_mut() {
            pool.set.insert("members".to_owned(), members.clone());
        }
    }
    let facts = facts(backup, document(&[]));
    let bodies = bodies(&RestoreRequest::default(), &facts);
    assert_eq!(
        bodies[0]["config"],
        json!({ "rsync.bwlimit": "1", "size": "5GiB" })
    );
}

/// A profile of the default project with a device on a network and one in a pool.
fn profile(name: &str, network: &str, pool: &str) -> (ObjectKind, Value) {
    let raw = json!({ "name": name, "config": {}, "devices": {
        "eth0": { "type": "nic", "network": network },
        "root": { "type": "disk", "path": "/", "pool": pool } } });
    (ObjectKind::Profile, raw)
}

fn project(name: &str) -> (ObjectKind, Value) {
    let config = json!({ "features.profiles": "true" });
    (
        ObjectKind::Project,
        json!({ "name": name, "config": config }),
    )
}

#[rstest]
#[case::replaced(Existing::Replace, [
    "update p: devices.eth0.network",
    "update q: devices.eth0, devices.root",
    "update user.note: ",
])]
#[case::refused(Existing::Refuse, [
    "refuse p: it is there, and differs (devices.eth0.network); --replace changes it, \
     --skip-existing leaves it",
    "update q: devices.eth0, devices.root",
    "refuse user.note: it is there, and differs; --replace changes it, --skip-existing leaves it",
])]
#[case::skipped(Existing::Skip, [
    "skip p: it exists, and differs (devices.eth0.network)",
    "skip q: it exists, and differs (devices.eth0, devices.root)",
    "skip user.note: it exists, and differs",
])]
fn what_is_there_and_differs_becomes_what_was_asked_for(
    #[case] existing: Existing,
    #[case] expected: [&str; 3],
) {
    let backup = document(&[
        project("default"),
        profile("p", "br0", "tank"),
        profile("q", "br0", "tank"),
        key("user.note", "then"),
    ]);
    let empty = json!({ "name": "q", "config": {}, "devices": {} });
    let server = document(&[
        project("default"),
        profile("p", "br1", "tank"),
        (ObjectKind::Profile, empty),
        key("user.note", "now"),
    ]);
    let request = RestoreRequest {
        existing,
        ..RestoreRequest::default()
    };
    let plan = planned(&request, &facts(backup, server));
    assert_eq!(plan[0], "skip default: it is equal");
    assert_eq!(plan[1..], expected);
}

/// Facts where things have other names.
fn mapped(mapping: &Mapping, backup: Document, server: Document) -> RestoreFacts {
    let renamed = renamed(backup, &server, mapping).unwrap();
    RestoreFacts {
        notes: renamed.notes,
        left_out: renamed.left_out,
        ..facts(renamed.backup, server)
    }
}

#[test]
fn what_is_mapped_to_what_is_there_gives_way_to_it_and_what_names_it_follows() {
    let network = |name: &str, address: &str| {
        let raw = json!({ "name": name, "type": "bridge", "config": { "ipv4.address": address } });
        (ObjectKind::Network, raw)
    };
    let backup = document(&[
        project("default"),
        project("shop"),
        pool("tank", "btrfs", &json!({ "source": "/dev/sdb" })),
        network("br0", "10.0.0.1/24"),
        profile("web", "br0", "tank"),
    ]);
    let server = document(&[
        project("default"),
        pool("fast", "dir", &json!({})),
        network("lan", "10.9.0.1/24"),
    ]);
    let mapping = Mapping {
        pools: [("tank".parse().unwrap(), "fast".parse().unwrap())].into(),
        networks: [("br0".to_owned(), "lan".to_owned())].into(),
        profiles: [("web".to_owned(), "www".to_owned())].into(),
        projects: [("shop".parse().unwrap(), "mall".parse().unwrap())].into(),
        ..Mapping::default()
    };
    let facts = mapped(&mapping, backup, server);
    // Not even with force is what stands in for something deleted.
    let request = RestoreRequest {
        force: true,
        ..RestoreRequest::default()
    };
    assert_eq!(
        planned(&request, &facts),
        [
            "skip fast: it is equal; what is there stands in for `tank`",
            "skip default: it is equal",
            "create mall: in the backup `shop`",
            "skip lan: it is equal; what is there stands in for `br0`",
            "create www: in the backup `web`",
        ]
    );
    let bodies = bodies(&request, &facts);
    assert_eq!(
        bodies[1]["devices"],
        json!({ "eth0": { "type": "nic", "network": "lan" },
            "root": { "type": "disk", "path": "/", "pool": "fast" } })
    );
}

#[test]
fn what_is_mapped_to_what_the_backup_has_is_left_out_and_so_is_what_belongs_to_it_alone() {
    let network = |name: &str| {
        let raw = json!({ "name": name, "type": "bridge", "config": {} });
        (ObjectKind::Network, raw)
    };
    let mut backup = document(&[project("default"), network("br0"), network("br1")]);
    let forward = ObjectId {
        parent: Some("br0".parse().unwrap()),
        ..ObjectId::in_project(
            ObjectKind::NetworkForward,
            "default".parse().unwrap(),
            "10.0.0.9".parse().unwrap(),
        )
    };
    let forwards = [(forward, crate::config::Object::default())].into();
    let forwards = Section::Objects(forwards);
    backup.sections.insert(ObjectKind::NetworkForward, forwards);
    let mapping = Mapping {
        networks: [("br0".to_owned(), "br1".to_owned())].into(),
        ..Mapping::default()
    };
    let facts = mapped(&mapping, backup, document(&[project("default")]));
    assert_eq!(
        planned(&RestoreRequest::default(), &facts),
        [
            "skip default: it is equal",
            "create br1: ",
            "skip br0: another one is network `br1` already",
            "skip br0/10.0.0.9: its network is another one there",
        ]
    );
}

#[test]
fn what_is_mapped_into_a_project_that_shares_comes_to_the_one_that_it_shares_with() {
    let sharing = json!({ "name": "mall", "config": { "features.profiles": "false" } });
    let of_shop = json!({ "name": "web", "project": "shop", "config": {} });
    let backup = document(&[
        project("default"),
        project("shop"),
        (ObjectKind::Profile, of_shop),
    ]);
    let server = document(&[project("default"), (ObjectKind::Project, sharing)]);
    let mapping = Mapping {
        projects: [("shop".parse().unwrap(), "mall".parse().unwrap())].into(),
        ..Mapping::default()
    };
    let plan = plan_restore(
        &RestoreRequest::default(),
        &mapped(&mapping, backup, server),
    );
    let web = plan.rows().last().unwrap();
    let web = web.object.as_ref().unwrap().to_string();
    assert_eq!(web, "profile `web`");
}

#[rstest]
#[case::alone(&[], &[], "create br0: an earlier run began it: what that left is deleted first")]
#[case::used(&[], &["/1.0/instances/web"], "refuse br0: an earlier run began it and did not end, and \
    something uses it: delete it once nothing does, and run this again")]
#[case::clustered(&["m1"], &[], "create br0: an earlier run began it")]
fn a_network_that_a_killed_run_left_half_made_is_made_and_not_called_equal(
    #[case] members: &[&str],
    #[case] used_by: &[&str],
    #[case] expected: &str,
    #[values(Existing::Refuse, Existing::Skip, Existing::Replace)] existing: Existing,
) {
    let network = |status: &str, used_by: &[&str]| {
        let raw = json!({ "name": "br0", "type": "bridge", "managed": true, "status": status,
            "config": {}, "used_by": used_by });
        document(&[project("default"), (ObjectKind::Network, raw)])
    };
    for status in ["Pending", "Errored"] {
        let mut facts = facts(network("Created", &[]), network(status, used_by));
        facts.members = members.iter().map(|name| name.parse().unwrap()).collect();
        let request = RestoreRequest {
            existing,
            ..RestoreRequest::default()
        };
        assert_eq!(planned(&request, &facts)[1], expected);
    }
}

#[test]
fn a_rule_that_names_a_peer_comes_after_the_networks_that_are_under_its_acl() {
    let network = json!({ "name": "ov1", "type": "ovn", "config": { "security.acls": "a" } });
    let acl = |name: &str, source: &str| {
        let rules = json!([{ "action": "allow", "source": source }]);
        let raw = json!({ "name": name, "config": {}, "ingress": rules, "egress": [] });
        (ObjectKind::NetworkAcl, raw)
    };
    let mut backup = document(&[
        project("default"),
        (ObjectKind::Network, network),
        acl("a", "10.0.0.1,@ov1/there"),
        acl("b", "@internal"),
    ]);
    let peer = ObjectId {
        parent: Some("ov1".parse().unwrap()),
        ..ObjectId::in_project(
            ObjectKind::NetworkPeer,
            "default".parse().unwrap(),
            "there".parse().unwrap(),
        )
    };
    let object = crate::config::Object {
        made: json!({ "type": "local" }).as_object().unwrap().clone(),
        ..crate::config::Object::default()
    };
    let peers = Section::Objects([(peer, object)].into());
    backup.sections.insert(ObjectKind::NetworkPeer, peers);
    let first = "without rules at first: they may name other ACLs";
    assert_eq!(
        planned(
            &RestoreRequest::default(),
            &facts(backup, document(&[project("default")]))
        ),
        [
            "skip default: it is equal",
            &format!("create a: {first}"),
            &format!("create b: {first}"),
            "update b: its rules",
            "create ov1: ",
            "create ov1/there: ",
            "update a: its rules",
        ]
    );
}

/// The earlier tool stored a part: what it did not store is neither extra nor emptied.
#[test]
fn what_a_partial_backup_does_not_say_stays_as_it_is() {
    let mut backup = document(&[]);
    let stored = document(&[
        (
            ObjectKind::Project,
            json!({ "name": "shop", "config": { "limits.cpu": "2" } }),
        ),
        (ObjectKind::Project, json!({ "name": "same", "config": {} })),
    ]);
    let mut projects = stored.objects(ObjectKind::Project).unwrap().clone();
    for project in projects.values_mut() {
        project.set.shift_remove("description");
    }
    backup
        .sections
        .insert(ObjectKind::Project, Section::Part(projects));
    backup.sections.insert(
        ObjectKind::Profile,
        Section::Part(super::super::Objects::new()),
    );
    let server = document(&[
        (
            ObjectKind::Project,
            json!({ "name": "shop", "description": "kept", "config": {} }),
        ),
        (
            ObjectKind::Project,
            json!({ "name": "same", "description": "kept", "config": {} }),
        ),
        (
            ObjectKind::Project,
            json!({ "name": "other", "config": {} }),
        ),
        (
            ObjectKind::Profile,
            json!({ "name": "web", "project": "shop" }),
        ),
    ]);
    let request = RestoreRequest {
        force: true,
        ..RestoreRequest::default()
    };
    let facts = facts(backup, server);
    assert_eq!(
        planned(&request, &facts),
        ["skip same: it is equal", "update shop: config.limits.cpu"]
    );
    let approved = plan_restore(&request, &facts).approve(crate::plan::Consent::given_by_yes());
    let changed =
        approved
            .into_steps()
            .into_iter()
            .find_map(|step| match step.into_parts().1?.change {
                Change::Update(object) => Some(object.set["description"].clone()),
                _ => None,
            });
    assert_eq!(changed, Some(json!("kept")));
    let (filter, secrets) = (
        super::super::Filter::default(),
        super::super::Secrets::Masked,
    );
    let compared = super::super::compare(&facts.backup, &facts.server, &filter, secrets);
    let names: Vec<String> = compared.differences.iter().map(|it| it.id.path()).collect();
    assert_eq!(
        names,
        ["shop"],
        "of the others nothing is known, or nothing differs"
    );
}
