//! The text of a configuration, and the block of its aliases (pure).

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::flow;
use crate::yaml::{self, Aliases};

/// A change to one alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The alias is to run this.
    Set {
        /// Its name.
        name: String,
        /// What it runs, as `incus` takes it apart.
        command: String,
    },
    /// The alias is to go.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Why the text cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum NotEditable {
    /// It is no configuration.
    #[error("it is not YAML")]
    Yaml(#[source] serde_yaml::Error),
    /// The aliases are not names with commands.
    #[error("its `aliases` are not names with commands")]
    NotAliases,
    /// It is written in a way that would lose something.
    #[error("its `aliases` are written in a way that cannot be changed without touching the rest")]
    Form,
}

/// The aliases that a configuration has.
pub fn aliases_in(text: &str) -> Result<BTreeMap<String, String>, NotEditable> {
    let mut aliases = BTreeMap::new();
    let document = read(text)?;
    match document.get("aliases") {
        None | Some(Value::Null) => {}
        Some(Value::Mapping(found)) => {
            for (name, command) in found {
                let (Some(name), Some(command)) = (name.as_str(), command.as_str()) else {
                    return Err(NotEditable::NotAliases);
                };
                aliases.insert(name.to_owned(), command.to_owned());
            }
        }
        Some(_) => return Err(NotEditable::NotAliases),
    }
    Ok(aliases)
}

/// The text with its aliases changed, and everything else as it is.
pub fn edit(text: &str, edits: &[Edit]) -> Result<String, NotEditable> {
    let mut wanted = read(text)?;
    let mut aliases = aliases_in(text)?;
    let mut edited = text.to_owned();
    for edit in edits {
        edited = one(&edited, edit).ok_or(NotEditable::Form)?;
        match edit {
            Edit::Set { name, command } => aliases.insert(name.clone(), command.clone()),
            Edit::Remove { name } => aliases.remove(name),
        };
    }
    let new = aliases.into_iter().map(|(name, command)| {
        let pair: (Value, Value) = (name.into(), command.into());
        pair
    });
    wanted.insert("aliases".into(), Value::Mapping(new.collect()));
    let mut now = read(&edited).map_err(|_| NotEditable::Form)?;
    now.entry("aliases".into())
        .and_modify(|found| {
            if found.is_null() {
                *found = Value::Mapping(Mapping::new());
            }
        })
        .or_insert_with(|| Value::Mapping(Mapping::new()));
    if now == wanted {
        Ok(edited)
    } else {
        Err(NotEditable::Form)
    }
}

fn read(text: &str) -> Result<Mapping, NotEditable> {
    if text.trim().is_empty() {
        return Ok(Mapping::new());
    }
    let document: Option<Mapping> =
        yaml::parse(text.as_bytes(), Aliases::Few).map_err(NotEditable::Yaml)?;
    Ok(document.unwrap_or_default())
}

fn one(text: &str, edit: &Edit) -> Option<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    if let Some(last) = lines.last_mut()
        && !last.ends_with('\n')
    {
        last.push_str(end);
    }
    let Some(at) = lines.iter().position(|line| after_key(line).is_some()) else {
        if let Edit::Set { name, command } = edit {
            lines.push(format!("aliases:{end}"));
            lines.push(entry("  ", name, command, end));
        }
        return Some(lines.concat());
    };
    let value = after_key(&lines[at])?.trim_start().to_owned();
    if value.starts_with('{') && !is_empty_flow(&value) {
        let start: usize = lines[..at].iter().map(String::len).sum();
        let whole = lines.concat();
        let open = start + lines[at].find('{')?;
        return flow::edit(&whole, open, edit);
    }
    if !(is_empty_flow(&value) || value.trim().is_empty() || value.starts_with('#')) {
        return None;
    }
    Block::find(&lines, at).edited(lines, edit, end)
}

/// What stands behind `aliases:` at the beginning of a line.
fn after_key(line: &str) -> Option<&str> {
    let rest = ["aliases", "\"aliases\"", "'aliases'"]
        .iter()
        .find_map(|key| line.strip_prefix(key))?;
    let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
    let ends = rest.is_empty() || rest.starts_with([' ', '\r', '\n']);
    ends.then_some(rest)
}

/// `{}`, with or without a comment behind it.
fn is_empty_flow(value: &str) -> bool {
    let Some(inside) = value.strip_prefix('{') else {
        return false;
    };
    let Some(rest) = inside.trim_start_matches(' ').strip_prefix('}') else {
        return false;
    };
    rest.trim().is_empty() || rest.trim_start_matches(' ').starts_with('#')
}

/// The lines of a block of aliases.
struct Block {
    /// The line of the key.
    key: usize,
    /// The first line of each entry, and the one behind its last.
    entries: Vec<(usize, usize)>,
    /// What stands before each entry.
    indent: String,
}

impl Block {
    fn find(lines: &[String], key: usize) -> Self {
        let says = |line: &String| {
            let text = line.trim();
            !text.is_empty() && !text.starts_with('#')
        };
        let indent_of = |line: &String| line.len() - line.trim_start_matches(' ').len();
        let below = lines.iter().enumerate().skip(key + 1);
        let end = below
            .clone()
            .find(|(_, line)| says(line) && indent_of(line) == 0)
            .map_or(lines.len(), |(at, _)| at);
        let first = below.take(end - key - 1).find(|(_, line)| says(line));
        let Some((_, first)) = first else {
            return Self {
                key,
                entries: Vec::new(),
                indent: "  ".to_owned(),
            };
        };
        let width = indent_of(first);
        let starts: Vec<usize> = (key + 1..end)
            .filter(|at| says(&lines[*at]) && indent_of(&lines[*at]) == width)
            .collect();
        let entries = starts.iter().map(|start| {
            let mut last = *start;
            for (at, line) in lines.iter().enumerate().take(end).skip(start + 1) {
                if line.trim().is_empty() {
                    continue;
                }
                if indent_of(line) <= width {
                    break;
                }
                last = at;
            }
            (*start, last + 1)
        });
        Self {
            key,
            entries: entries.collect(),
            indent: " ".repeat(width),
        }
    }

    fn edited(&self, mut lines: Vec<String>, edit: &Edit, end: &str) -> Option<String> {
        let named = |(start, end): &(usize, usize), name: &str| {
            let text = lines[*start..*end].concat();
            key_of(&text).is_some_and(|key| key == name)
        };
        match edit {
            Edit::Set { name, command } => {
                let new = entry(&self.indent, name, command, end);
                if let Some((start, behind)) = self.entries.iter().find(|range| named(range, name))
                {
                    lines.splice(*start..*behind, [new]);
                } else {
                    let at = self.entries.last().map_or(self.key + 1, |(_, at)| *at);
                    lines.insert(at, new);
                    without_braces(&mut lines[self.key]);
                }
            }
            Edit::Remove { name } => {
                let Some((start, behind)) = self.entries.iter().find(|range| named(range, name))
                else {
                    return Some(lines.concat());
                };
                lines.drain(*start..*behind);
                if self.entries.len() == 1 {
                    let at = lines[self.key].find(':')? + 1;
                    lines[self.key].insert_str(at, " {}");
                }
            }
        }
        Some(lines.concat())
    }
}

/// Takes `{}` away from behind the key.
fn without_braces(line: &mut String) {
    let Some(colon) = line.find(':') else { return };
    let (key, value) = line.split_at(colon + 1);
    if !is_empty_flow(value.trim_start()) {
        return;
    }
    let behind = value.find('}').map_or(value, |at| &value[at + 1..]);
    *line = format!("{key}{behind}");
}

/// The key of a mapping of one entry.
pub(super) fn key_of(text: &str) -> Option<String> {
    let mapping: Mapping = yaml::parse(text.as_bytes(), Aliases::Few).ok()?;
    let mut keys = mapping.keys();
    let key = keys.next()?.as_str()?.to_owned();
    keys.next().is_none().then_some(key)
}

fn entry(indent: &str, name: &str, command: &str, end: &str) -> String {
    format!("{indent}{}: {}{end}", scalar(name), scalar(command))
}

/// A text as YAML has it: plain where nothing in it means anything, or in single quotes.
pub(super) fn scalar(text: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+ ".contains(&byte);
    let plain = text.starts_with(|c: char| c == '/' || c.is_ascii_lowercase())
        && !text.ends_with(' ')
        && text.bytes().all(harmless);
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing::mutation::{Change, mutated_text};

    fn set(name: &str) -> Edit {
        Edit::Set {
            name: name.to_owned(),
            command: "/b".to_owned(),
        }
    }

    fn remove(name: &str) -> Edit {
        let name = name.to_owned();
        Edit::Remove { name }
    }

    #[rstest]
    #[case::nothing("", "aliases:\n  x: /b\n")]
    #[case::none("a: 1 # c\n", "a: 1 # c\naliases:\n  x: /b\n")]
    #[case::no_last_line_break("a: 1", "a: 1\naliases:\n  x: /b\n")]
    #[case::empty("aliases: {}\nb: 2\n", "aliases:\n  x: /b\nb: 2\n")]
    #[case::empty_said("aliases: { } # none\nb: 2\n", "aliases: # none\n  x: /b\nb: 2\n")]
    #[case::null("aliases:\nb: 2\n", "aliases:\n  x: /b\nb: 2\n")]
    #[case::one(
        "aliases:\n  # mine\n  l: list\n\n# other\nb: 2\n",
        "aliases:\n  # mine\n  l: list\n  x: /b\n\n# other\nb: 2\n"
    )]
    #[case::wide(
        "aliases:\n      l: list\nb: 2\n",
        "aliases:\n      l: list\n      x: /b\nb: 2\n"
    )]
    #[case::there("aliases:\n  x: /a # old\n  y: z\n", "aliases:\n  x: /b\n  y: z\n")]
    #[case::quoted(
        "\"aliases\":\n  'x': >-\n    /a\n    b\n  y: z\n",
        "\"aliases\":\n  x: /b\n  y: z\n"
    )]
    #[case::flow("aliases: {l: list}\n", "aliases: {x: /b, l: list}\n")]
    #[case::flow_there(
        "aliases: { x: /a, l: list } # c\n",
        "aliases: { x: /b, l: list } # c\n"
    )]
    #[case::flow_lines(
        "aliases: {\n  l: 'a, }b', # }\n  x: /a\n}\nb: 2\n",
        "aliases: {\n  l: 'a, }b', # }\n  x: /b\n}\nb: 2\n"
    )]
    #[case::windows("a: 1\r\naliases: {}\r\n", "a: 1\r\naliases:\r\n  x: /b\r\n")]
    fn an_alias_is_set_and_all_else_stays(#[case] before: &str, #[case] after: &str) {
        assert_eq!(edit(before, &[set("x")]).unwrap(), after);
    }

    #[rstest]
    #[case::only("aliases:\n  x: /b\nb: 2\n", "aliases: {}\nb: 2\n")]
    #[case::only_said("aliases: # c\n  # d\n  x: /b\n", "aliases: {} # c\n  # d\n")]
    #[case::of_two(
        "aliases:\n  x: /b\n  # keep\n  y: z # c\n",
        "aliases:\n  # keep\n  y: z # c\n"
    )]
    #[case::last(
        "aliases:\n  y: z\n  x: |\n    # no comment\n    b\nc: 1\n",
        "aliases:\n  y: z\nc: 1\n"
    )]
    #[case::none("aliases:\n  y: z\n", "aliases:\n  y: z\n")]
    #[case::flow("aliases: {x: /b, l: list}\n", "aliases: {l: list}\n")]
    #[case::flow_last("aliases: {l: list, x: /b}\n", "aliases: {l: list}\n")]
    #[case::flow_only("aliases: {x: /b}\n", "aliases: {}\n")]
    fn an_alias_goes_and_all_else_stays(#[case] before: &str, #[case] after: &str) {
        assert_eq!(edit(before, &[remove("x")]).unwrap(), after);
    }

    #[rstest]
    #[case::not_a_mapping("aliases: [a]\n", NotEditable::NotAliases)]
    #[case::not_texts("aliases: {a: [b]}\n", NotEditable::NotAliases)]
    #[case::anchor("aliases: &a\n  l: list\n", NotEditable::Form)]
    #[case::whole_flow("{aliases: {l: list}}\n", NotEditable::Form)]
    #[case::end_of_document("a: 1\n...\n", NotEditable::Form)]
    #[case::in_a_text("a: 'x\naliases: y'\nb: 1\n", NotEditable::Form)]
    fn what_cannot_be_edited_is_refused(#[case] text: &str, #[case] expected: NotEditable) {
        let error = edit(text, &[set("x")]).unwrap_err();
        assert_eq!(error.to_string(), expected.to_string());
    }

    #[test]
    fn texts_that_mean_something_are_quoted() {
        let odd = Edit::Set {
            name: "x".into(),
            command: "'/a b/it''s #1: {x}'".into(),
        };
        let text = edit("", &[odd]).unwrap();
        assert_eq!(aliases_in(&text).unwrap()["x"], "'/a b/it''s #1: {x}'");
        assert_eq!(scalar("/a b"), "/a b");
        assert_eq!(scalar("/a: b"), "'/a: b'");
        assert_eq!(scalar("/a #b"), "'/a #b'");
    }

    const EXAMPLE: &str = "# my remotes
default-remote: prod
remotes:
  prod: { addr: 'https://a:8443', protocol: incus } # the big one
  local:
    addr: unix://
aliases:
  # lists
  ls: list -c ns4
  'my shell': exec @ARGS@ -- su -l
defaults:
  list_format: ''
";

    proptest! {
        /// An edit touches no other line, and a second one takes it back.
        #[test]
        fn what_is_edited_is_the_alias_alone(changes in vec(any::<Change>(), 0..5)) {
            let text = mutated_text(EXAMPLE, &changes);
            let Ok(edited) = edit(&text, &[set("backup x")]) else { return Ok(()) };
            let aliases = aliases_in(&edited).unwrap();
            prop_assert_eq!(aliases["backup x"].as_str(), "/b");
            let mut rest = edited.lines();
            for line in text.lines().filter(|line| after_key(line).is_none()) {
                prop_assert!(rest.any(|other| other == line), "{line:?} is lost in\n{edited}");
            }
            let back = edit(&edited, &[remove("backup x")]);
            prop_assert!(back.is_ok(), "{edited}");
            prop_assert_eq!(aliases_in(&back.unwrap()).unwrap(), aliases_in(&text).unwrap());
        }
    }
}
