//! Names, one type for each thing that has one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Sha256;

/// A text that cannot be the name of what it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what} name: {reason}")]
pub struct InvalidName {
    /// What the text should have named, as users call it.
    pub what: &'static str,
    /// The text as it was given.
    pub text: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                match $rule(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(reason) => {
                        Err(InvalidName { what: $what, text: text.to_owned(), reason })
                    }
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of an instance: what the server takes, a host name of one label.
    InstanceName, "instance", host_label
);
name!(
    /// The name of a project.
    ProjectName, "project", plain
);
name!(
    /// The name of a storage pool.
    PoolName, "storage pool", plain
);
name!(
    /// The name of a profile.
    ProfileName, "profile", plain
);
name!(
    /// The name of a snapshot, without the name of what it is a snapshot of.
    SnapshotName, "snapshot", plain
);
name!(
    /// The name of a remote of the `incus` client, without the colon.
    RemoteName, "remote", remote
);
name!(
    /// The name under which a target keeps what one server holds.
    SourceName, "source", plain
);
name!(
    /// The name of a stored resource of any kind, as it stands in a target.
    ResourceName, "resource", plain
);

name!(
    /// The name of an alias of an image, which may have slashes in it: `debian/12`.
    AliasName, "image alias", alias
);

impl From<&InstanceName> for ResourceName {
    fn from(name: &InstanceName) -> Self {
        Self(name.0.clone())
    }
}

impl From<&Sha256> for ResourceName {
    /// What an image is called: its fingerprint.
    fn from(fingerprint: &Sha256) -> Self {
        Self(fingerprint.to_string())
    }
}

impl From<&ProjectName> for ResourceName {
    fn from(name: &ProjectName) -> Self {
        Self(name.0.clone())
    }
}

impl ProjectName {
    /// The project that every server has: `default`.
    pub fn default_project() -> Self {
        Self("default".to_owned())
    }
}

/// What holds for every name: it can stand in a path of the API and in a message.
fn plain(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > 255 {
        return Err("it is longer than 255 bytes");
    }
    if text == "." || text == ".." {
        return Err("it is a path, not a name");
    }
    if text.contains('/') {
        return Err("it contains a `/`");
    }
    if text.chars().any(char::is_control) {
        return Err("it contains a control character");
    }
    Ok(())
}

/// Any text that can be one segment of a path of the API, once it is encoded.
fn alias(text: &str) -> Result<(), &'static str> {
    plain(&text.replace('/', "-"))
}

fn remote(text: &str) -> Result<(), &'static str> {
    plain(text)?;
    if text.contains(':') {
        return Err("it contains a `:`");
    }
    Ok(())
}

/// The rule of Incus for instances (`validate.IsHostname`).
fn host_label(text: &str) -> Result<(), &'static str> {
    plain(text)?;
    if text.len() > 63 {
        return Err("it is longer than 63 characters");
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err("only letters, digits and hyphens are allowed");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("it starts or ends with a hyphen");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it is a number");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web", None)]
    #[case("c1-a", None)]
    #[case("", Some("it is empty"))]
    #[case("..", Some("it is a path, not a name"))]
    #[case("a/b", Some("it contains a `/`"))]
    #[case("a b", Some("only letters, digits and hyphens are allowed"))]
    #[case("-a", Some("it starts or ends with a hyphen"))]
    #[case("123", Some("it is a number"))]
    #[case("a\nb", Some("it contains a control character"))]
    fn an_instance_name_is_one_host_label(#[case] text: &str, #[case] reason: Option<&str>) {
        assert_eq!(
            text.parse::<InstanceName>().err().map(|error| error.reason),
            reason
        );
    }

    #[rstest]
    #[case("debian/12", true)]
    #[case("a/../b", true)]
    #[case("..", false)]
    #[case("", false)]
    #[case("a\nb", false)]
    fn an_alias_may_have_slashes(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<AliasName>().is_ok(), valid);
    }

    #[test]
    fn a_message_names_the_text_and_the_rule() {
        let error = "../x".parse::<ProjectName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`../x` is not a valid project name: it contains a `/`"
        );
    }
}
