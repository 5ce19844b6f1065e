//! Rows in every format.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::{
    Attribute, Cell as Drawn, CellAlignment, Color, ColumnConstraint, ContentArrangement,
    ContentLineStyle, LineStyle, Table, TableStyle, Width,
};
use serde::Serialize;

use super::grid::{Grid, Lines};
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
    let compact = matches!(view.format, Format::Compact | Format::CompactNoHeader);
    let lines = if compact { Lines::None } else { Lines::All };
    if view.colour == Colour::Off && !rows.is_empty() {
        let grid = grid(rows, columns, view);
        if view
            .width
            .is_none_or(|width| grid.width(lines) <= width.into())
        {
            return grid.draw(out, has_header(view), lines);
        }
    }
    write_arranged(out, rows, columns, view)
}

fn has_header(view: &View) -> bool {
    matches!(view.format, Format::Table | Format::Compact)
}

/// The table without colours, as wide as it is.
fn grid<R>(rows: &[&R], columns: &[&Column<R>], view: &View) -> Grid {
    let mut grid = Grid::new(columns.len());
    if has_header(view) {
        for column in columns {
            grid.push(&column.header());
        }
    }
    for row in rows {
        for column in columns {
            grid.push(&shown(&(column.cell)(row), view));
        }
    }
    grid
}

/// The table in its colours, and within its width.
fn write_arranged<R>(
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
    if has_header(view) {
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
fn shown<'a>(cell: &'a Cell, view: &View) -> Cow<'a, str> {
    match cell {
        Cell::Empty => Cow::Borrowed(""),
        Cell::Text(text) | Cell::Prose(text) | Cell::Toned(text, _) => escape(text),
        Cell::Size(size) => size.to_string().into(),
        Cell::Time(moment) => local_time(*moment, &view.zone).into(),
        Cell::Duration(time) => human_duration(*time).into(),
    }
}

fn drawn(cell: &Cell, view: &View) -> Drawn {
    let plain = Drawn::new(shown(cell, view));
    match cell {
        Cell::Toned(_, tone) => toned(plain, *tone),
        _ => plain,
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::ui::Shown;

    struct Line([String; 3]);

    const COLUMNS: [Column<Line>; 3] = [
        Column {
            key: "name",
            shown: Shown::Always,
            cell: |line| Cell::Text(line.0[0].clone()),
        },
        Column {
            key: "what_is_odd",
            shown: Shown::Always,
            cell: |line| Cell::Text(line.0[1].clone()),
        },
        Column {
            key: "why",
            shown: Shown::Always,
            cell: |line| Cell::Text(line.0[2].clone()),
        },
    ];

    proptest! {
        #[test]
        fn what_needs_no_arranging_is_drawn_as_if_it_did(
            lines in vec(["[a-z日é ]{0,12}", "\\PC{0,6}", "[ -~\n]{0,30}"], 0..6),
            format in prop_oneof![Just(Format::Table), Just(Format::TableNoHeader), Just(Format::Compact),
                Just(Format::CompactNoHeader)],
        ) {
            let lines: Vec<Line> = lines.into_iter().map(Line).collect();
            let rows: Vec<&Line> = lines.iter().collect();
            let columns: Vec<&Column<Line>> = COLUMNS.iter().collect();
            let view = View { format, colour: Colour::Off, width: None, zone: jiff::tz::TimeZone::UTC };
            let (mut plain, mut arranged) = (Vec::new(), Vec::new());
            write_table(&mut plain, &rows, &columns, &view).unwrap();
            write_arranged(&mut arranged, &rows, &columns, &view).unwrap();
            prop_assert_eq!(
                String::from_utf8(plain).unwrap(),
                String::from_utf8(arranged).unwrap()
            );
        }
    }
}
