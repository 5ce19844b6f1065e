//! Why a step failed, kept as the error itself until the command line judges it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The error that ended a step.
///
/// `cli` looks inside for its hint and exit code; everything else sees one line of text.
#[derive(Clone)]
pub struct Failure(Arc<dyn Error + Send + Sync>);

impl Failure {
    /// Keeps an error.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// The error itself.
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&messages(self.error()).join(": "))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What an error and its causes say, from the outermost on.
///
/// A cause that its parent already ends with or quotes after a colon is left out: many libraries
/// both repeat their source and return it.
pub fn messages(error: &dyn Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        let said = messages
            .last()
            .is_some_and(|parent| parent.ends_with(&text) || parent.contains(&format!(": {text}")));
        if !said {
            messages.push(text);
        }
        cause = error.source();
    }
    messages
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    /// An error that says the first text, caused by one that says the second, and so on.
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    pub(in crate::plan) struct Nested {
        text: String,
        #[source]
        cause: Option<Box<Nested>>,
    }

    /// Nests errors that say these texts.
    pub(in crate::plan) fn nested(texts: &[&str]) -> Nested {
        let (first, rest) = texts.split_first().unwrap();
        Nested {
            text: (*first).to_owned(),
            cause: (!rest.is_empty()).then(|| Box::new(nested(rest))),
        }
    }

    #[rstest]
    #[case(&["cannot open `x`", "no such file"], &["cannot open `x`", "no such file"])]
    #[case(&["no such file", "no such file"], &["no such file"])]
    #[case(&["cannot open `x`: no such file", "no such file"], &["cannot open `x`: no such file"])]
    #[case(&["a: b: c; d", "b: c", "c"], &["a: b: c; d"])]
    #[case(&["`no` is wrong", "no"], &["`no` is wrong", "no"])]
    fn nothing_is_said_twice(#[case] texts: &[&str], #[case] said: &[&str]) {
        assert_eq!(messages(&nested(texts)), said);
    }

    #[test]
    fn a_failure_is_one_line_and_still_the_error() {
        let failure = Failure::new(nested(&["cannot open `x`", "no such file"]));
        assert_eq!(failure.to_string(), "cannot open `x`: no such file");
        assert!(failure.error().is::<Nested>());
        assert_eq!(
            serde_json::to_value(&failure).unwrap(),
            "cannot open `x`: no such file"
        );
    }
}
