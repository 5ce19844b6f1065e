//! YAML documents, read in bounded memory and time.
//!
//! # Design
//!
//! A megabyte of YAML can stand for terabytes of nodes by its aliases, and `libyaml` needs minutes for
//! a megabyte of `{a: {a: …`, because it looks at every open collection for every token. So the parser
//! is one that counts, and stops where collections are nested too deeply. An archive is untrusted, and
//! its server (go-yaml) writes no aliases: the first is one too many. A file that people write may
//! have some.

use serde::de::{DeserializeOwned, Error as _};
use serde_yaml::Error;

/// How deeply collections may be nested; an index has about six levels.
const DEPTH: usize = 64;

/// Whether a document may refer to its own parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// Not at all: a machine wrote it.
    Refused,
    /// Here and there, as far as it does not get much larger by that: people wrote it.
    Few,
}

/// Reads a document.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], aliases: Aliases) -> Result<T, Error> {
    // Without aliases there are no more nodes than bytes, and hardly more text.
    let many = 16 + 2 * bytes.len();
    let few = match aliases {
        Aliases::Refused => 0,
        Aliases::Few => 100,
    };
    let budget = serde_saphyr::budget! {
        max_aliases: few,
        max_anchors: few,
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

    use serde_yaml::Value;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Value, Error> {
        super::parse(bytes, Aliases::Refused)
    }

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

    #[test]
    fn people_may_name_a_part_and_use_it_again() {
        let text = "a: &x { k: 1 }\nb: *x\n";
        let value: Value = super::parse(text.as_bytes(), Aliases::Few).unwrap();
        assert_eq!(value["b"]["k"], 1);
    }

    /// None of it is large, and each stands for more than memory holds, or keeps a parser for minutes.
    #[rstest]
    #[case::laughs((1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
        let before = at - 1;
        text + &format!("a{at}: &a{at} [*a{before}, *a{before}]\n")
    }))]
    #[case::lists("[".repeat(200_000))]
    #[case::maps("{a: ".repeat(200_000))]
    #[case::entries("- ".repeat(200_000))]
    fn what_unfolds_is_refused_in_little_time(#[case] text: String) {
        let begun = std::time::Instant::now();
        let refused = super::parse::<Value>(text.as_bytes(), Aliases::Few).unwrap_err();
        assert!(refused.to_string().len() < 300, "{refused}");
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "\\PC{0,60}") {
            let document = serde_saphyr::to_string(&Value::from(text.clone())).unwrap();
            prop_assert_eq!(parse(document.as_bytes()).unwrap(), Value::from(text));
        }
    }
}
