//! The formats of rows.

use clap::ValueEnum;
use jiff::tz::TimeZone;

use super::{Colour, Terminal};

/// How rows are written: the formats of `incus`, with its suffixes `,header` and `,noheader`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Borders and a header.
    #[default]
    Table,
    /// A header, and no borders.
    Compact,
    /// Comma-separated raw values.
    Csv,
    /// One array of objects.
    Json,
    /// One list of mappings.
    Yaml,
    /// A table without its header.
    #[value(name = "table,noheader", hide = true)]
    TableNoHeader,
    /// Compact, without its header.
    #[value(name = "compact,noheader", hide = true)]
    CompactNoHeader,
    /// Comma-separated raw values after a line of keys.
    #[value(name = "csv,header", hide = true)]
    CsvHeader,
}

/// How and for whom rows are written.
#[derive(Debug, Clone)]
pub struct View {
    /// The format.
    pub format: Format,
    /// Whether tables are coloured.
    pub colour: Colour,
    /// How wide a table may be; unlimited where nobody looks at it.
    pub width: Option<u16>,
    /// The zone in which tables tell the time.
    pub zone: TimeZone,
}

impl View {
    /// The view of results and dry runs.
    pub fn stdout(format: Format, terminal: &Terminal) -> Self {
        Self {
            format,
            colour: terminal.stdout_colour(),
            width: terminal.width.filter(|_| terminal.stdout_is_terminal),
            zone: terminal.zone.clone(),
        }
    }

    /// The view of a preview before its question: a table, whatever the format of results is.
    pub fn stderr(terminal: &Terminal) -> Self {
        Self {
            format: Format::Table,
            colour: terminal.stderr_colour(),
            width: terminal.width.filter(|_| terminal.stderr_is_terminal),
            zone: terminal.zone.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("table", Some(Format::Table))]
    #[case("compact", Some(Format::Compact))]
    #[case("csv", Some(Format::Csv))]
    #[case("json", Some(Format::Json))]
    #[case("yaml", Some(Format::Yaml))]
    #[case("csv,header", Some(Format::CsvHeader))]
    #[case("table,noheader", Some(Format::TableNoHeader))]
    #[case("compact,noheader", Some(Format::CompactNoHeader))]
    #[case("xml", None)]
    fn formats_are_named_as_incus_names_them(#[case] word: &str, #[case] format: Option<Format>) {
        assert_eq!(Format::from_str(word, false).ok(), format);
    }

    #[test]
    fn only_a_terminal_limits_the_width() {
        let terminal = Terminal {
            stderr_is_terminal: true,
            width: Some(80),
            ..Terminal::none()
        };
        assert_eq!(View::stderr(&terminal).width, Some(80));
        assert_eq!(View::stdout(Format::Table, &terminal).width, None);
    }
}
