//! The modules' order, as `src/lib.rs` gives it, holds for every import.

use std::fs;
use std::path::{Path, PathBuf};

/// Each row may use the rows before it; modules of one row do not see each other.
const ROWS: [&[&str]; 7] = [
    &["model", "progress", "yaml"],
    &[
        "incus",
        "archive",
        "disk",
        "target",
        "retention",
        "diff",
        "settings",
    ],
    &["plan", "temporary", "retrieve"],
    &[
        "backup",
        "restore",
        "config",
        "list",
        "verify",
        "prune",
        "files",
        "transfer",
        "aliases",
        "protection",
        "metrics",
        "notify",
    ],
    &["drill", "doctor", "report"],
    &["ui"],
    &["cli"],
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The modules that a line names as `crate::NAME` or `crate::{NAME, …}`.
fn imports(line: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            found.extend(list.split(',').map(|part| name(part.trim())));
        } else {
            found.push(name(rest));
        }
    }
    found
}

#[test]
fn no_module_uses_one_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let module = inside
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        let Some(own) = row(module) else { continue };
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for import in imports(code) {
                let Some(used) = row(&import) else { continue };
                seen += 1;
                if used > own || (used == own && import != module && own > 0) {
                    wrong.push(format!(
                        "{}:{}: {module} → {import}",
                        inside.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that point upwards:\n{}",
        wrong.join("\n")
    );
    assert!(
        seen > 0,
        "no import was read: the test looks in the wrong place"
    );
}

#[test]
fn every_module_has_its_row() {
    let library = include_str!("../../src/lib.rs");
    for line in library.lines() {
        let Some(module) = line.strip_prefix("pub mod ") else {
            continue;
        };
        let module = module.trim_end_matches(';');
        assert!(
            module == "testing" || row(module).is_some(),
            "`{module}` has no row"
        );
    }
}
