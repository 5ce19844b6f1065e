//! One object, shown whole.

use std::io::{self, Write};

use serde_json::Value;

use super::{Format, escape};

/// Writes an object: for people as `key: value` lines, for programs as JSON or YAML.
pub fn write_details(out: &mut impl Write, document: &Value, format: Format) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, document)?;
            writeln!(out)
        }
        Format::Yaml => {
            let text = serde_saphyr::to_string(document).map_err(io::Error::other)?;
            out.write_all(text.as_bytes())
        }
        _ => write_value(out, document, 0),
    }
}

fn write_value(out: &mut impl Write, value: &Value, depth: usize) -> io::Result<()> {
    let Some(fields) = value.as_object() else {
        return Ok(());
    };
    for (key, field) in fields {
        let indent = "  ".repeat(depth);
        match field {
            Value::Null => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Object(_) => {
                writeln!(out, "{indent}{}:", escape(key))?;
                write_value(out, field, depth + 1)?;
            }
            Value::Array(items) => {
                let texts: Vec<String> = items.iter().map(plain).collect();
                writeln!(out, "{indent}{}: {}", escape(key), texts.join(", "))?;
            }
            field => writeln!(out, "{indent}{}: {}", escape(key), plain(field))?,
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_shown_without_what_it_does_not_say() {
        let document = serde_json::json!({
            "name": "w\u{1b}b", "pool": null, "archive": { "size": 5 }, "snapshots": ["a", "b"],
            "missing": [],
        });
        let mut out = Vec::new();
        write_details(&mut out, &document, Format::Table).unwrap();
        let text = String::from_utf8(out).unwrap();
        let escaped = escape("w\u{1b}b").into_owned();
        assert_eq!(
            text,
            format!("name: {escaped}\narchive:\n  size: 5\nsnapshots: a, b\n")
        );
    }
}
