//! What the programs are built of: licences, duplicates and sources, as `.deny.toml` allows them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::lab::{command, variable};

/// The strings of a list in `.deny.toml`.
fn listed(name: &str) -> BTreeSet<String> {
    let text = include_str!("../../.deny.toml");
    let (_, list) = text.split_once(&format!("\n{name} = [")).unwrap();
    let (list, _) = list.split_once("\n]").unwrap();
    let entries = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    let quoted = entries.filter_map(|line| line.split('"').nth(1));
    quoted.map(str::to_owned).collect()
}

/// What a build of the programs needs, as `cargo metadata` describes it: no test, and nothing of another
/// system.
fn built_of() -> Vec<Value> {
    let cargo = variable("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let described = command(cargo)
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&described.stderr);
    assert!(described.status.success(), "{told}");
    let mut described: Value = serde_json::from_slice(&described.stdout).unwrap();
    let nodes = described["resolve"]["nodes"].as_array().unwrap();
    let needs: BTreeMap<&str, &Value> = nodes
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), &node["deps"]))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![described["resolve"]["root"].as_str().unwrap()];
    while let Some(id) = open.pop() {
        if !found.insert(id.to_owned()) {
            continue;
        }
        for dependency in needs[id].as_array().unwrap() {
            let mut kinds = dependency["dep_kinds"].as_array().unwrap().iter();
            if kinds.any(|kind| kind["kind"] != "dev") {
                open.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    assert!(found.len() > 100, "{found:?}");
    let packages = described["packages"].take();
    let Value::Array(packages) = packages else {
        panic!()
    };
    let is_found = |package: &Value| found.contains(package["id"].as_str().unwrap());
    packages.into_iter().filter(is_found).collect()
}

#[test]
fn every_dependency_may_be_shipped_comes_from_the_registry_and_is_there_once() {
    let allowed = listed("allow");
    assert!(
        allowed.len() > 3 && !allowed.contains("GPL-3.0"),
        "{allowed:?}"
    );
    let mut wrong = Vec::new();
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in built_of() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let (name, version) = (text("name"), text("version"));
        let licence = spdx::Expression::parse_mode(&text("license"), spdx::ParseMode::LAX);
        let may = licence.is_ok_and(|licence| {
            licence.evaluate(|asked| {
                asked
                    .license
                    .id()
                    .is_some_and(|it| allowed.contains(it.name))
            })
        });
        if !may {
            wrong.push(format!("{name} {version}: licence `{}`", text("license")));
        }
        let is_ours = name == "incus-backup";
        if !is_ours
            && !text("source").starts_with("registry+https://github.com/rust-lang/crates.io-index")
        {
            wrong.push(format!("{name} {version}: from {}", package["source"]));
        }
        versions.entry(name).or_default().push(version);
    }
    let skipped = listed("skip");
    for (name, versions) in versions {
        let others = versions
            .iter()
            .filter(|version| !skipped.contains(&format!("{name}@{version}")));
        if others.count() > 1 {
            wrong.push(format!("{name}: {}", versions.join(", ")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
