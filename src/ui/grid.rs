//! A table of cells of one line, in no colours, that is as wide as it needs to be.
//!
//! # Design
//!
//! `comfy_table` draws what is narrower or coloured; it keeps several allocations for each cell, which is
//! most of what a list of 100,000 versions took. Here all text stands in one place. Both draw alike, which a
//! test holds them to.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

/// The cells of a table, row after row.
#[derive(Debug)]
pub(super) struct Grid {
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<usize>,
    /// How wide each column is, in characters of a terminal: never without any.
    widths: Vec<usize>,
}

/// What stands between cells and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// As `incus list` draws them.
    All,
    /// None.
    None,
}

impl Grid {
    /// A table of so many columns, with nothing in it.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            widths: vec![1; columns],
        }
    }

    /// The next cell.
    pub(super) fn push(&mut self, cell: &str) {
        let column = self.ends.len() % self.widths.len().max(1);
        if let Some(width) = self.widths.get_mut(column) {
            *width = (*width).max(cell.width());
        }
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// How wide it is, in characters of a terminal.
    pub(super) fn width(&self, lines: Lines) -> usize {
        let cells: usize = self.widths.iter().map(|width| width + 2).sum();
        match lines {
            Lines::All => cells + self.widths.len() + 1,
            Lines::None => cells,
        }
    }

    /// Draws it; of the first row each cell stands in the middle where that is a header.
    pub(super) fn draw(&self, out: &mut impl Write, header: bool, lines: Lines) -> io::Result<()> {
        let rule = self.rule();
        let mut cells = self.cells();
        let columns = self.widths.len().max(1);
        let mut line = String::new();
        for row in 0..self.ends.len() / columns {
            if lines == Lines::All {
                writeln!(out, "{rule}")?;
            }
            line.clear();
            for (width, cell) in self.widths.iter().zip(cells.by_ref()) {
                let rest = width - cell.width();
                let before = if header && row == 0 {
                    rest.div_ceil(2)
                } else {
                    0
                };
                if lines == Lines::All {
                    line.push('|');
                }
                line.extend(std::iter::repeat_n(' ', before + 1));
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', rest - before + 1));
            }
            if lines == Lines::All {
                line.push('|');
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        if lines == Lines::All {
            writeln!(out, "{rule}")?;
        }
        Ok(())
    }

    fn rule(&self) -> String {
        let dashes = self.widths.iter().map(|width| "-".repeat(width + 2) + "+");
        "+".to_owned() + &dashes.collect::<String>()
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins
            .zip(&self.ends)
            .map(|(begin, end)| self.text.get(begin..*end).unwrap_or_default())
    }
}
