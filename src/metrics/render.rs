//! The text format of Prometheus (`exposition_formats`, version 0.0.4).

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::model::{Age, Bytes, CheckLevel, ResourceId, SourceName};
use crate::target::{State, Stored, grouped};

/// The versions of one resource of one server.
type Resource<'a> = (&'a SourceName, &'a ResourceId, Vec<&'a Stored>);

/// A metric: its name, its help, and its lines for one resource.
type Metric = (&'static str, &'static str, fn(&Newest<'_>) -> Option<f64>);

/// What a metric is taken from: the newest complete version of a resource.
struct Newest<'a> {
    stored: &'a Stored,
    now: Timestamp,
}

const METRICS: [Metric; 7] = [
    (
        "incus_backup_last_success_timestamp_seconds",
        "When the newest complete version was begun.",
        |it| Some(seconds(it.stored.id.version.timestamp())),
    ),
    (
        "incus_backup_last_success_age_seconds",
        "How long ago the newest complete version was begun, when these metrics were made.",
        |it| {
            let begun = it.stored.id.version.timestamp();
            Some(whole(Age::of(begun, it.now).as_secs()))
        },
    ),
    (
        "incus_backup_last_success_duration_seconds",
        "How long the newest complete version took from its beginning to its manifest.",
        |it| {
            let begun = it.stored.id.version.timestamp();
            let done = it.stored.manifest.as_ref()?.created_at;
            Some(whole(Age::of(begun, done).as_secs()))
        },
    ),
    (
        "incus_backup_last_success_size_bytes",
        "What the newest complete version holds, uncompressed.",
        |it| Some(bytes(it.stored.size)),
    ),
    (
        "incus_backup_last_success_stored_bytes",
        "What the newest complete version takes in the target.",
        |it| Some(bytes(it.stored.stored_size)),
    ),
    (
        "incus_backup_last_success_verified",
        "Whether every checksum of the newest complete version was found right.",
        |it| {
            let check = it.stored.checks.latest(CheckLevel::Full);
            Some(if check.is_some() { 1.0 } else { 0.0 })
        },
    ),
    (
        "incus_backup_last_success_verified_timestamp_seconds",
        "When every checksum of the newest complete version was last found right.",
        |it| {
            let check = it.stored.checks.latest(CheckLevel::Full)?;
            Some(seconds(check.at))
        },
    ),
];

const CONSISTENCY: &str = "incus_backup_last_success_consistency";
const VERSIONS: &str = "incus_backup_versions";

/// The metrics of what a target holds, at a time.
pub fn render(stored: &[Stored], free: Option<Bytes>, now: Timestamp) -> String {
    let resources = resources(stored);
    let mut text = String::new();
    for (name, help, value) in METRICS {
        head(&mut text, name, help);
        for (source, resource, versions) in &resources {
            let Some(stored) = newest(versions) else {
                continue;
            };
            if let Some(value) = value(&Newest { stored, now }) {
                line(&mut text, name, &labels(source, resource, None), value);
            }
        }
    }
    let help = "How consistent the newest complete version is: 1 for its word.";
    head(&mut text, CONSISTENCY, help);
    for (source, resource, versions) in &resources {
        let manifest = newest(versions).and_then(|stored| stored.manifest.as_ref());
        if let Some(manifest) = manifest {
            let word = manifest.consistency.to_string();
            let labels = labels(source, resource, Some(("consistency", &word)));
            line(&mut text, CONSISTENCY, &labels, 1.0);
        }
    }
    head(
        &mut text,
        VERSIONS,
        "How many versions there are, by state.",
    );
    for (source, resource, versions) in &resources {
        for state in [State::Complete, State::Damaged, State::Incomplete] {
            let count = versions.iter().filter(|stored| stored.state == state);
            let word = state.to_string();
            let labels = labels(source, resource, Some(("state", &word)));
            line(&mut text, VERSIONS, &labels, whole(count.count() as u64));
        }
    }
    if let Some(free) = free {
        let name = "incus_backup_target_free_bytes";
        head(&mut text, name, "How much more the target can hold.");
        line(&mut text, name, "", bytes(free));
    }
    let name = "incus_backup_metrics_timestamp_seconds";
    head(&mut text, name, "When these metrics were made.");
    line(&mut text, name, "", seconds(now));
    text
}

fn resources(stored: &[Stored]) -> Vec<Resource<'_>> {
    let of_each = grouped(stored, |version| (&version.id.source, &version.id.resource));
    let each = of_each.into_iter();
    each.map(|((source, resource), versions)| (source, resource, versions))
        .collect()
}

fn newest<'a>(versions: &[&'a Stored]) -> Option<&'a Stored> {
    let complete = versions.iter().filter(|it| it.state == State::Complete);
    complete.max_by_key(|it| it.id.version).copied()
}

fn head(text: &mut String, name: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let _ = writeln!(text, "{name}{labels} {value}");
}

fn labels(source: &SourceName, resource: &ResourceId, more: Option<(&str, &str)>) -> String {
    let project = resource.project().map(ToString::to_string);
    let pool = resource.pool().map(ToString::to_string);
    let name = resource.name().map(ToString::to_string);
    let mut pairs = vec![
        ("source", source.to_string()),
        ("type", resource.kind().to_string()),
        ("project", project.unwrap_or_default()),
        ("pool", pool.unwrap_or_default()),
        ("name", name.unwrap_or_default()),
    ];
    pairs.extend(more.map(|(key, value)| (key, value.to_owned())));
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

fn seconds(moment: Timestamp) -> f64 {
    whole(u64::try_from(moment.as_second()).unwrap_or(0))
}

fn bytes(bytes: Bytes) -> f64 {
    whole(bytes.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the format knows no other numbers, and 2^53 bytes are 8 PiB"
)]
fn whole(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Check, Checks, ProjectName};
    use crate::target::StoredId;

    fn stored(version: &str, state: State, verified: bool) -> Stored {
        let mut checks = Checks::default();
        if verified {
            checks.add(Check {
                level: CheckLevel::Full,
                at: "2026-01-01T05:00:00Z".parse().unwrap(),
                damage: None,
            });
        }
        let project = ProjectName::default_project();
        Stored {
            id: StoredId {
                source: "prod".parse().unwrap(),
                resource: ResourceId::stored_instance(project, "web".parse().unwrap()),
                version: version.parse().unwrap(),
            },
            size: Bytes(3_000_000_000),
            stored_size: Bytes(7),
            state,
            protected: false,
            legacy: false,
            checks,
            manifest: None,
        }
    }

    #[test]
    fn the_newest_complete_version_counts() {
        let all = [
            stored("20260101T000000Z", State::Complete, true),
            stored("20260101T010000Z", State::Complete, true),
            stored("20260101T020000Z", State::Damaged, false),
        ];
        let now = "2026-01-01T02:00:00Z".parse().unwrap();
        let text = render(&all, Some(Bytes(9)), now);
        let web = r#"{source="prod",type="instance",project="default",pool="",name="web""#;
        for (name, value) in [
            ("timestamp_seconds", "1767229200"),
            ("age_seconds", "3600"),
            ("size_bytes", "3000000000"),
            ("stored_bytes", "7"),
            ("verified", "1"),
            ("verified_timestamp_seconds", "1767243600"),
        ] {
            let line = format!("\nincus_backup_last_success_{name}{web}}} {value}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
        for (state, count) in [("complete", 2), ("damaged", 1), ("incomplete", 0)] {
            let line = format!("\nincus_backup_versions{web},state=\"{state}\"}} {count}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(text.contains("\nincus_backup_target_free_bytes 9\n"));
        assert!(text.starts_with("# HELP incus_backup_last_success_timestamp_seconds "));
        let helped = text.lines().filter(|line| line.starts_with("# HELP"));
        let typed = text.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!((helped.count(), typed.count()), (11, 11));
    }

    #[test]
    fn what_has_no_complete_version_has_no_last_success() {
        let all = [stored("20260101T020000Z", State::Damaged, false)];
        let text = render(&all, None, "2026-01-01T02:00:00Z".parse().unwrap());
        assert!(!text.contains("\nincus_backup_last_success"), "{text}");
        assert!(text.contains("state=\"damaged\"} 1\n"));
        assert!(!text.contains("free_bytes"));
    }

    #[test]
    fn labels_cannot_end_early() {
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
