//! Rows in every format.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::{
    Attribute, Cell as Drawn, CellAlignment, Color, ColumnConstraint, ContentArrangement,
    ContentLineStyle, LineStyle, Table, TableStyle, Width,
};
use serde::Serialize;

use super::text::local_time;
use super::{Cell, Colour, Column, Columns, Format, Record, Tone, View, escape, human_duration};

/// Writes rows as the view says.
///
/// `columns` chooses what tables and CSV show; JSON and YAML always have every key.
pub fn write_rows<'a, R: Record>(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = &'a R>,
    columns: &Columns<R>,
    view: &View,
) -> io::Result<()> {
    let rows: Vec<&R> = rows.into_iter().collect();
    match view.format {
        Format::Json => write_json(out, &rows),
        Format::Yaml => write_yaml(out, &rows),
        Format::Csv | Format::CsvHeader => write_csv(out, &rows, &columns.stable(), view.format),
        Format::Table | Format::TableNoHeader | Format::Compact | Format::CompactNoHeader => {
            write_table(out, &rows, &columns.telling(&rows), view)
        }
    }
}

fn write_json(out: &mut impl Write, rows: &[impl Serialize]) -> io::Result<()> {
    serde_json::to_writer(&mut *out, rows)?;
    out.write_all(b"\n")
}

fn write_yaml(out: &mut impl Write, rows: &[impl Serialize]) -> io::Result<()> {
    let text = serde_yaml::to_string(rows).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

fn write_csv<R>(
    out: &mut impl Write,
    rows: &[&R],
    columns: &[&Column<R>],
    format: Format,
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    if format == Format::CsvHeader {
        csv.write_record(columns.iter().map(|column| column.key))?;
    }
    for row in rows {
        csv.write_record(columns.iter().map(|column| raw(&(column.cell)(row))))?;
    }
    csv.flush()
}

/// A cell for programs.
fn raw(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) | Cell::Prose(text) | Cell::Toned(text, _) => escape(text).into_owned(),
        Cell::Size(size) => size.0.to_string(),
        Cell::Time(moment) => moment.to_string(),
        Cell::Duration(time) => time.as_millis().to_string(),
    }
}

/// As `incus list` draws it: headers in the middle, a line below each row.
const BORDERS: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('+', '-', '+', '+'))
    .header_lines(ContentLineStyle::new('|', '|', '|'))
    .header_separator(LineStyle::new('+', '-', '+', '+'))
    .content_lines(ContentLineStyle::new('|', '|', '|'))
    .row_separator(LineStyle::new('+', '-', '+', '+'))
    .bottom_border(LineStyle::new('+', '-', '+', '+'));

const COMPACT: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .content_lines(ContentLineStyle::none());

/// How narrow prose may become before the table is wider than the terminal instead.
const NARROWEST_PROSE: u16 = 16;

fn write_table<R>(
    out: &mut impl Write,
    rows: &[&R],
    columns: &[&Column<R>],
    view: &View,
) -> io::Result<()> {
    let mut table = Table::new();
    table.force_no_tty();
    if view.colour == Colour::On {
        table.enforce_styling();
    }
    let compact = matches!(view.format, Format::Compact | Format::CompactNoHeader);
    table.load_style(if compact { COMPACT } else { BORDERS });
    if matches!(view.format, Format::Table | Format::Compact) {
        table.set_header(
            columns
                .iter()
                .map(|column| Drawn::new(column.header()).set_alignment(CellAlignment::Center)),
        );
    }
    let mut prose = vec![false; columns.len()];
    for row in rows {
        let cells = columns.iter().zip(&mut prose).map(|(column, prose)| {
            let cell = (column.cell)(row);
            *prose |= matches!(cell, Cell::Prose(_));
            drawn(&cell, view)
        });
        table.add_row(cells.collect::<Vec<_>>());
    }
    if let Some(width) = view.width {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
        table.set_constraints(prose.iter().map(|prose| {
            if *prose {
                ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST_PROSE))
            } else {
                ColumnConstraint::ContentWidth
            }
        }));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A cell for people.
fn drawn(cell: &Cell, view: &View) -> Drawn {
    let plain = |text: Cow<'_, str>| Drawn::new(text);
    match cell {
        Cell::Empty => Drawn::new(""),
        Cell::Text(text) | Cell::Prose(text) => plain(escape(text)),
        Cell::Toned(text, tone) => toned(plain(escape(text)), *tone),
        Cell::Size(size) => Drawn::new(size),
        Cell::Time(moment) => Drawn::new(local_time(*moment, &view.zone)),
        Cell::Duration(time) => Drawn::new(human_duration(*time)),
    }
}

fn toned(cell: Drawn, tone: Tone) -> Drawn {
    match tone {
        Tone::Good => cell.fg(Color::Green),
        Tone::Careful => cell.fg(Color::Yellow),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
    }
}
