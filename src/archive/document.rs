//! YAML documents of an archive, read in bounded memory and time.
//!
//! # Design
//!
//! An archive is untrusted. A megabyte of YAML can stand for terabytes of nodes by its aliases, and
//! `libyaml` needs minutes for a megabyte of `{a: {a: …`, because it looks at every open collection
//! for every token. The server (go-yaml) writes neither aliases nor nested flow collections, so the
//! parser is one that stops at the first alias, and where collections are nested too deeply.

use serde::de::Error as _;
use serde_yaml::{Error, Value};

/// How deeply collections may be nested; an index has about six levels.
const DEPTH: usize = 64;

/// Reads a document.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Error> {
    // Without aliases there are no more nodes than bytes, and hardly more text.
    let many = 16 + 2 * bytes.len();
    let budget = serde_saphyr::budget! {
        max_aliases: 0,
        max_anchors: 0,
        max_documents: 1,
        max_depth: DEPTH,
        flow_nesting_limit: DEPTH,
        max_events: 2 * many,
        max_nodes: many,
        max_total_scalar_bytes: many,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        // As go-yaml reads plain scalars.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(Error::custom)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "a: 1\nb: [x, -2, 2.5, true, ~, '', \"\\u00e9\\L\"]\nc: {d: {}}\ne: |\n  lines\n  of it\n"
    )]
    #[case("[]")]
    #[case("\"\\L\\L\\L\\L\\L\"")]
    #[case(
        "created_at: 2026-11-23T08:45:43.21305128Z\nname: c1\nexpires_at: 0001-01-01T00:00:00Z\n"
    )]
    #[case("size: -1\nstatus_code: 103\nephemeral: false\nused_by: []\nconfig: {}\nk: \"0\"\n")]
    fn a_document_is_read_as_it_is(#[case] text: &str) {
        let expected: Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    #[rstest]
    #[case("inf")]
    #[case("nan")]
    #[case("NaN")]
    #[case("infinity")]
    #[case("1e")]
    #[case("0x")]
    #[case("1.2.3")]
    #[case("10.0.0.1/24")]
    #[case("00:16:3e:00:00:01")]
    #[case("2001:db8::1")]
    #[case("64e33214-048c-4d45-9f1c-7e2f4c06e5a9")]
    #[case("12345678901234567890123456789012345678901234567890x")]
    #[case("--")]
    #[case("nulls")]
    #[case("trueish")]
    fn what_go_yaml_writes_plainly_stays_a_text(#[case] text: &str) {
        let document = format!("a: {text}\n");
        assert_eq!(parse(document.as_bytes()).unwrap()["a"], text);
    }

    #[rstest]
    #[case::twice("a: 1\na: 2\n")]
    #[case::half("a: [1\n")]
    #[case::alias("a: &x 1\nb: *x\n")]
    #[case::documents("a: 1\n---\na: 2\n")]
    fn what_the_server_does_not_write_is_refused(#[case] text: &str) {
        assert!(parse(text.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "\\PC{0,60}") {
            let document = serde_saphyr::to_string(&Value::from(text.clone())).unwrap();
            prop_assert_eq!(parse(document.as_bytes()).unwrap(), Value::from(text));
        }
    }
}
