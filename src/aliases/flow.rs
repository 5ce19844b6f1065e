//! Aliases that are written as `{name: command, …}` (pure).

use std::ops::Range;

use super::document::{Edit, key_of, scalar};

/// Edits the mapping whose brace stands at `open`.
pub(super) fn edit(text: &str, open: usize, edit: &Edit) -> Option<String> {
    let items = items(text, open)?;
    let named = |name: &str| {
        items.iter().position(|item| {
            key_of(&format!("{{{}\n}}", &text[item.clone()])).is_some_and(|key| key == name)
        })
    };
    let mut edited = text.to_owned();
    match edit {
        Edit::Set { name, command } => {
            let pair = format!("{}: {}", scalar(name), scalar(command));
            match named(name) {
                Some(at) => edited.replace_range(inner(text, &items[at]), &pair),
                None => edited.insert_str(open + 1, &format!("{pair}, ")),
            }
        }
        Edit::Remove { name } => {
            if let Some(at) = named(name) {
                edited.replace_range(with_comma(text, &items, at), "");
            }
        }
    }
    Some(edited)
}

/// What stands between the commas of a mapping.
fn items(text: &str, open: usize) -> Option<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let mut items = Vec::new();
    let (mut start, mut depth, mut at) = (open + 1, 0_usize, open);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => {
                items.push(start..at);
                return Some(items);
            }
            b'}' | b']' => depth -= 1,
            b',' if depth == 1 => {
                items.push(start..at);
                start = at + 1;
            }
            quote @ (b'\'' | b'"') if opens_scalar(text, at) => {
                at = end_of_quoted(bytes, at, quote)?;
            }
            b'#' if bytes[at - 1].is_ascii_whitespace() => {
                at += text[at..].find('\n')?;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether a quote begins a text, and is not in the middle of one.
fn opens_scalar(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end();
    before.ends_with(['{', '[', ',', ':'])
}

fn end_of_quoted(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// An item without the space around it.
fn inner(text: &str, item: &Range<usize>) -> Range<usize> {
    let inside = text[item.clone()].trim_end();
    // A comment that stands before the pair is not of it.
    let pair = inside.rsplit('\n').next().unwrap_or(inside).trim_start();
    let end = item.start + inside.len();
    end - pair.len()..end
}

/// An item with the comma that goes with it.
fn with_comma(text: &str, items: &[Range<usize>], at: usize) -> Range<usize> {
    let item = inner(text, &items[at]);
    if let Some(next) = items.get(at + 1) {
        // What stands before the next one comes into the place of what stood before this one.
        let space = text[next.clone()].len() - text[next.clone()].trim_start_matches(' ').len();
        return item.start..next.start + space;
    }
    match at.checked_sub(1) {
        Some(before) => items[before].end..item.end,
        None => item,
    }
}
