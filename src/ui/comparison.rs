//! What differs between two configurations.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::{
    Cell, Colour, Column, Columns, Format, Record, Shown, View, escape, write_details, write_rows,
};
use crate::config::{ChangeKind, Comparison, ObjectDifference};
use crate::diff::Change;
use crate::model::{Bytes, ObjectKind, ProjectName, ResourceName};

/// How many objects of a kind a stored configuration has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindRow {
    /// The kind.
    pub kind: String,
    /// How many.
    pub objects: Option<u64>,
    /// How large their file is.
    pub size: Option<Bytes>,
    /// Their file.
    pub file: Option<String>,
    /// Why nothing is known of them.
    pub unreadable: Option<String>,
}

impl Record for KindRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<KindRow>] = &[
            column("kind", Shown::Always, |row| Cell::Text(row.kind.clone())),
            column("objects", Shown::Always, |row| Cell::of(row.objects)),
            column("size", Shown::Always, |row| {
                row.size.map_or(Cell::Empty, Cell::Size)
            }),
            column("file", Shown::Always, |row| Cell::of(row.file.as_ref())),
            column("unreadable", Shown::Unless(""), |row| {
                let reason = row.unreadable.clone();
                reason.map_or(Cell::Empty, Cell::Prose)
            }),
        ];
        COLUMNS
    }
}

/// One field that differs, as a row of CSV.
#[derive(Debug, Serialize)]
struct FieldRow {
    change: ChangeKind,
    kind: ObjectKind,
    project: Option<ProjectName>,
    parent: Option<ResourceName>,
    name: ResourceName,
    member: Option<ResourceName>,
    field: Option<String>,
    old: Option<String>,
    new: Option<String>,
}

impl Record for FieldRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<FieldRow>] = &[
            column("change", Shown::Always, |row| {
                Cell::Text(word(row.change).to_owned())
            }),
            column("kind", Shown::Always, |row| Cell::of(Some(row.kind))),
            column("project", Shown::Always, |row| {
                Cell::of(row.project.as_ref())
            }),
            column("parent", Shown::Always, |row| Cell::of(row.parent.as_ref())),
            column("name", Shown::Always, |row| Cell::of(Some(&row.name))),
            column("member", Shown::Always, |row| Cell::of(row.member.as_ref())),
            column("field", Shown::Always, |row| Cell::of(row.field.as_ref())),
            column("old", Shown::Always, |row| Cell::of(row.old.as_ref())),
            column("new", Shown::Always, |row| Cell::of(row.new.as_ref())),
        ];
        COLUMNS
    }
}

const fn column<R>(key: &'static str, shown: Shown, cell: fn(&R) -> Cell) -> Column<R> {
    Column { key, shown, cell }
}

fn word(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
    }
}

/// Writes what differs: for people a tree, for programs JSON, YAML or rows of CSV.
pub fn write_comparison(
    out: &mut impl Write,
    comparison: &Comparison,
    view: &View,
) -> io::Result<()> {
    match view.format {
        Format::Json | Format::Yaml => {
            let all = serde_json::to_value(&comparison.differences)?;
            write_details(out, &all, view.format)
        }
        Format::Csv | Format::CsvHeader => {
            let rows: Vec<FieldRow> = comparison.differences.iter().flat_map(field_rows).collect();
            write_rows(out, &rows, &Columns::default(), view)
        }
        _ => write_tree(out, comparison, view.colour),
    }
}

fn field_rows(difference: &ObjectDifference) -> Vec<FieldRow> {
    let row = |field: Option<&Change>| FieldRow {
        change: difference.change,
        kind: difference.id.kind,
        project: difference.id.project.clone(),
        parent: difference.id.parent.clone(),
        name: difference.id.name.clone(),
        member: difference.id.member.clone(),
        field: field.map(Change::place),
        old: field.and_then(|field| field.old.as_ref().map(text)),
        new: field.and_then(|field| field.new.as_ref().map(text)),
    };
    if difference.fields.is_empty() {
        vec![row(None)]
    } else {
        difference
            .fields
            .iter()
            .map(|field| row(Some(field)))
            .collect()
    }
}

fn write_tree(out: &mut impl Write, comparison: &Comparison, colour: Colour) -> io::Result<()> {
    if comparison.differences.is_empty() {
        return writeln!(out, "no difference");
    }
    let mut last = None;
    for difference in &comparison.differences {
        let kind = difference.id.kind;
        if last != Some(kind) {
            let title = kind.plural().replace('_', " ");
            writeln!(out, "{}", paint(&title, "1", colour))?;
            last = Some(kind);
        }
        write_object(out, difference, colour)?;
    }
    let count = |change| {
        let all = comparison.differences.iter();
        all.filter(|difference| difference.change == change).count()
    };
    writeln!(
        out,
        "{} added, {} removed, {} changed",
        count(ChangeKind::Added),
        count(ChangeKind::Removed),
        count(ChangeKind::Changed)
    )
}

fn write_object(
    out: &mut impl Write,
    difference: &ObjectDifference,
    colour: Colour,
) -> io::Result<()> {
    let (sign, code) = match difference.change {
        ChangeKind::Added => ('+', GREEN),
        ChangeKind::Removed => ('-', RED),
        ChangeKind::Changed => ('~', YELLOW),
    };
    let id = &difference.id;
    let mut name = escape(&id.path()).into_owned();
    if let Some(project) = id
        .project
        .as_ref()
        .filter(|name| name.as_str() != "default")
    {
        name = format!("{name} (project {})", escape(project.as_str()));
    }
    writeln!(out, "  {}", paint(&format!("{sign} {name}"), code, colour))?;
    for change in &difference.fields {
        let place = escape(&change.place()).into_owned();
        let line = match (&change.old, &change.new) {
            (Some(old), Some(new)) => {
                let old = paint(&text(old), RED, colour);
                format!(
                    "      {place}: {old} → {}",
                    paint(&text(new), GREEN, colour)
                )
            }
            (None, Some(new)) => {
                let line = format!("    + {place}: {}", text(new));
                paint(&line, GREEN, colour)
            }
            (Some(old), None) => paint(&format!("    - {place}: {}", text(old)), RED, colour),
            (None, None) => continue,
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";

fn paint(text: &str, code: &str, colour: Colour) -> String {
    match colour {
        Colour::On => format!("\x1b[{code}m{text}\x1b[0m"),
        Colour::Off => text.to_owned(),
    }
}

/// A value on one line.
fn text(value: &Value) -> String {
    escape(&value.to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::changes;
    use crate::model::ObjectId;

    fn comparison() -> Comparison {
        let network = |name: &str| {
            ObjectId::in_project(
                ObjectKind::Network,
                "shop".parse().unwrap(),
                name.parse().unwrap(),
            )
        };
        let key = ObjectId::of_server(ObjectKind::ServerKey, "user.a".parse().unwrap());
        let difference = |change, id, fields| ObjectDifference { change, id, fields };
        let fields = changes(
            &json!({ "config": { "a": "1", "b": "x" } }),
            &json!({ "config": { "a": "2", "c": "\u{1b}" } }),
        );
        Comparison {
            differences: vec![
                difference(ChangeKind::Added, key, vec![]),
                difference(ChangeKind::Removed, network("br0"), vec![]),
                difference(ChangeKind::Changed, network("br1"), fields),
            ],
            unknown: vec![],
        }
    }

    fn written(format: Format, colour: Colour) -> String {
        let mut out = Vec::new();
        let terminal = super::super::Terminal::none();
        let view = View {
            colour,
            ..View::stdout(format, &terminal)
        };
        write_comparison(&mut out, &comparison(), &view).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_tree_tells_what_is_where() {
        assert_eq!(
            written(Format::Table, Colour::Off),
            r#"server
  + user.a
networks
  - br0 (project shop)
  ~ br1 (project shop)
      config.a: "1" → "2"
    - config.b: "x"
    + config.c: "\u001b"
1 added, 1 removed, 1 changed
"#
        );
    }

    #[test]
    fn colour_repeats_what_the_signs_say() {
        let plain = written(Format::Table, Colour::Off);
        let coloured = written(Format::Table, Colour::On);
        assert!(coloured.contains("\x1b[32m+ user.a\x1b[0m"));
        let mut stripped = coloured;
        for code in ["1", "32", "31", "33", "0"] {
            stripped = stripped.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn csv_has_a_row_for_each_field() {
        assert_eq!(
            written(Format::Csv, Colour::Off)
                .lines()
                .collect::<Vec<_>>(),
            [
                "added,server-key,,,user.a,,,,",
                "removed,network,shop,,br0,,,,",
                r#"changed,network,shop,,br1,,config.a,"""1""","""2""""#,
                r#"changed,network,shop,,br1,,config.b,"""x""","#,
                r#"changed,network,shop,,br1,,config.c,,"""\u001b""""#,
            ]
        );
    }
}
