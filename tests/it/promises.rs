//! `SECURITY.md` names the tests that try to break each promise: they are there.

use std::fs;
use std::path::Path;

#[test]
fn each_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    for (module, test) in named {
        let file = root.join(format!("tests/it/{module}.rs"));
        let text = fs::read_to_string(&file).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "{module}::{test}");
    }
}
