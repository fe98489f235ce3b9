//! A text file or sheet with valid headings, and all its rows.

use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::cell::MISSING;
use crate::delimited::{DELIMITERS, parse, parse_up_to};
use crate::encoding::decode;
use crate::error::{Error, Result};
use crate::format::{Column, REJECTED};
use crate::grid::Grid;
use crate::headings::{self, DEEPEST, Heading};
use crate::words::{Language, Words};
use crate::workbook::SheetRow;

/// The largest file in bytes. A file is held in memory as a whole.
const LARGEST: u64 = 512 << 20;

#[derive(Debug)]
pub struct Table {
    /// Name in the format, such as `customers.csv`
    pub file: &'static str,
    pub path: PathBuf,
    sheet: Option<String>,
    pub headings: StringRecord,
    /// The column of each cell; `None` for ignored ones
    pub columns: Vec<Option<&'static Column>>,
    pub language: Language,
    grid: Grid,
    /// Index of the first row below the headings
    first: usize,
}

/// Faults and warnings about a folder, found before anything is sent.
#[derive(Debug, Default)]
pub struct Notes {
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
}

impl Table {
    /// Reads a text file. Faults are added to the notes.
    pub fn of_text(
        path: &Path,
        file: &'static str,
        columns: &'static [Column],
        notes: &mut Notes,
    ) -> Result<Option<Self>> {
        let size = std::fs::metadata(path).map_err(Error::file(path))?.len();
        let name = name(path);
        if size > LARGEST {
            notes.faults.push(format!("{name}: larger than {} MiB, split it", LARGEST >> 20));
            return Ok(None);
        }
        let bytes = std::fs::read(path).map_err(Error::file(path))?;
        let parsed = decode(bytes).and_then(|text| {
            let delimiter = delimiter(&text, columns);
            Ok((parse(&text, delimiter)?, delimiter))
        });
        let (grid, delimiter) = match parsed {
            Ok(parsed) => parsed,
            Err(fault) => {
                notes.faults.push(format!("{name}, {fault}"));
                return Ok(None);
            }
        };

        let table = Self::of(path, None, file, columns, grid, notes);
        if let Some(table) = &table {
            notes.faults.extend(table.swallowed(char::from(delimiter)));
        }
        Ok(table)
    }

    /// Builds a table from the rows of a sheet. Faults are added to the notes.
    pub fn of_sheet(
        path: &Path,
        sheet: &str,
        file: &'static str,
        columns: &'static [Column],
        rows: Vec<SheetRow>,
        notes: &mut Notes,
    ) -> Option<Self> {
        let mut head = Grid::default();
        for row in rows.iter().take(DEEPEST) {
            head.push(row.number, row.cells.iter().map(|cell| &cell.text));
        }
        let found = headings::find(&head, columns).map(|at| {
            let named = headings::read(head.row(at).iter(), columns);
            (head.line(at), named)
        });

        let mut grid = Grid::default();
        let (line, named) = found.unwrap_or_default();
        for row in rows {
            let cells = row.cells.into_iter().enumerate().map(|(at, cell)| match named.get(at) {
                Some(Heading::Column(column)) if row.number > line => cell.settled(column.kind),
                _ => cell.text,
            });
            // The reader leaves out empty cells at the end of a row, which are not missing.
            let mut cells: Vec<String> = cells.collect();
            cells.resize(cells.len().max(named.len()), String::new());
            grid.push(row.number, cells);
        }
        Self::of(path, Some(sheet), file, columns, grid, notes)
    }

    fn of(
        path: &Path,
        sheet: Option<&str>,
        file: &'static str,
        columns: &'static [Column],
        grid: Grid,
        notes: &mut Notes,
    ) -> Option<Self> {
        let mut table = Self {
            file,
            path: path.to_owned(),
            sheet: sheet.map(str::to_owned),
            headings: StringRecord::new(),
            columns: vec![],
            language: Language::default(),
            grid,
            first: 0,
        };
        let Some(at) = headings::find(&table.grid, columns) else {
            notes.faults.push(format!("{}: there are no headings", table.name()));
            return None;
        };

        table.first = at + 1;
        if at > 0 {
            let line = table.line_of_grid(at);
            let name = table.name();
            notes
                .warnings
                .push(format!("{name}: the headings are in {line}, what is above is left out"));
        }
        let row = table.grid.row(at);
        table.headings = row.iter().take(filled(&row)).collect();
        let named = headings::read(table.headings.iter(), columns);
        let faults = table.faults(&named, columns);
        table.language = headings::language(table.headings.iter());
        table.columns = named
            .into_iter()
            .map(|heading| match heading {
                Heading::Column(column) => Some(column),
                _ => None,
            })
            .collect();
        notes.faults.extend(faults);
        Some(table)
    }

    /// Lists the faults of the headings.
    fn faults(&self, named: &[Heading], columns: &'static [Column]) -> Vec<String> {
        let column = |heading: &Heading| match heading {
            Heading::Column(column) => Some(column.name),
            _ => None,
        };
        let meant: Vec<_> = named.iter().map(column).collect();
        let written = |at: usize| format!("`{}`", &self.headings[at]);
        let unknown = (0..named.len()).filter(|at| matches!(named[*at], Heading::Unknown));
        let unnamed =
            (0..named.len()).filter(|at| self.headings[*at].is_empty() && self.is_filled(*at));
        let unnamed: Vec<_> = unnamed.map(|at| (at + 1).to_string()).collect();
        let repeated = (0..named.len()).filter(|at| {
            meant[*at].is_some() && meant.iter().position(|name| *name == meant[*at]) != Some(*at)
        });
        let required = columns.iter().filter(|column| column.required);
        let missing = required.filter(|column| !meant.contains(&Some(column.name)));

        let mut faults = vec![];
        for (what, found) in [
            ("unknown", unknown.map(written).collect::<Vec<_>>()),
            ("repeated", repeated.map(written).collect()),
            ("missing", missing.map(|column| format!("`{}`", column.name)).collect()),
            ("unnamed but filled", unnamed),
        ] {
            if found.is_empty() {
                continue;
            }
            let known = columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
            let hint =
                if what == "unknown" { format!("; known are {known}") } else { String::new() };
            let s = if found.len() == 1 { "" } else { "s" };
            faults.push(format!("{}: {what} column{s} {}{hint}", self.name(), found.join(", ")));
        }
        faults
    }

    fn is_filled(&self, column: usize) -> bool {
        let cell = |row: usize| self.grid.row(row).get(column).is_some_and(|cell| !cell.is_empty());
        (self.first..self.grid.len()).any(cell)
    }

    /// Finds cells that contain whole rows. A stray quote in each of two rows makes all rows
    /// between them one cell without a syntax error.
    fn swallowed(&self, delimiter: char) -> Vec<String> {
        let delimiters = |line: &str| {
            // Commas of prose are followed by a blank, those of data are not.
            line.match_indices(delimiter).filter(|(at, _)| !line[at + 1..].starts_with(' ')).count()
        };

        let width = self.columns.len();
        let is_rows = |at: usize, cell: &str| {
            let mut lines = cell.split(['\n', '\r']).skip(1).filter(|line| !line.is_empty());
            let last = cell.rsplit(['\n', '\r']).next().unwrap_or_default();
            let has_lines = cell.contains(['\n', '\r']);
            (has_lines && at > 0 && delimiters(last) == at)
                || (width > 2 && lines.any(|line| delimiters(line) + 1 == width))
        };

        let rows = (self.first..self.grid.len()).filter(|row| {
            self.grid.row(*row).iter().enumerate().any(|(at, cell)| is_rows(at, cell))
        });
        let fault = |row| {
            let (name, line) = (self.name(), self.line_of_grid(row));
            format!("{name}, {line}: a cell holds whole rows; look for quotes that are too many")
        };
        rows.map(fault).collect()
    }

    /// The name in messages: `orders.csv`, or `sales.xlsx, sheet 订单`.
    pub fn name(&self) -> String {
        let name = name(&self.path);
        match &self.sheet {
            Some(sheet) => format!("{name}, sheet {sheet}"),
            None => name,
        }
    }

    /// The path of the file for rejected rows, next to the input.
    pub fn rejected(&self) -> PathBuf {
        let stem = self.file.strip_suffix(".csv").unwrap_or(self.file);
        self.path.with_file_name(format!("{stem}{REJECTED}"))
    }

    /// The index of a column.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.is_some_and(|column| column.name == name))
    }

    pub fn len(&self) -> usize {
        self.grid.len() - self.first
    }

    /// A row by its index below the headings. A row longer than the headings keeps its surplus
    /// cells; a shorter one is filled up with [`MISSING`].
    pub fn row(&self, at: usize) -> StringRecord {
        let mut row = self.grid.row(self.first + at);
        let width = self.columns.len();
        row.truncate(width.max(filled(&row)));
        for column in self.columns.iter().skip(row.len()) {
            row.push_field(if column.is_some() { MISSING } else { "" });
        }
        row
    }

    /// The position of a row in the file, in both languages.
    pub fn line(&self, at: usize) -> Words {
        let line = self.grid.line(self.first + at);
        match self.sheet {
            Some(_) => Words::new(format!("row {line}"), format!("第 {line} 行")),
            None => Words::new(format!("line {line}"), format!("第 {line} 行")),
        }
    }

    fn line_of_grid(&self, row: usize) -> String {
        let what = if self.sheet.is_some() { "row" } else { "line" };
        format!("{what} {}", self.grid.line(row))
    }

    /// The file's heading for a field of the service, or the field's name if it has none.
    pub fn heading<'a>(&'a self, field: &'a str) -> &'a str {
        let external = field.strip_suffix("_id").map(|stem| format!("{stem}_external_id"));
        let place = self.place(field).or_else(|| self.place(external.as_deref()?));
        place.map_or(field, |at| &self.headings[at])
    }
}

/// The number of cells up to the last filled one.
fn filled(row: &StringRecord) -> usize {
    (0..row.len()).rposition(|at| !row[at].is_empty()).map_or(0, |at| at + 1)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Detects the delimiter: the one with which the headings name most columns. Default: a comma.
fn delimiter(text: &str, columns: &'static [Column]) -> u8 {
    let known = |delimiter: u8| {
        let (grid, _) = parse_up_to(text, delimiter, DEEPEST);
        let at = headings::find(&grid, columns)?;
        let named = headings::read(grid.row(at).iter(), columns);
        Some(named.iter().filter(|heading| matches!(heading, Heading::Column(_))).count())
    };
    // `max_by_key` returns the last maximum; reversed, that is the usual delimiter.
    let delimiters = DELIMITERS.into_iter().rev();
    delimiters.max_by_key(|delimiter| known(*delimiter)).unwrap_or(DELIMITERS[0])
}
