//! Compact storage for the cells of a file; there may be millions.

use csv::StringRecord;

/// Separates cells; this byte never occurs in UTF-8.
const SEPARATOR: u8 = 0xFF;

/// The rows that are not empty, with trimmed cells.
#[derive(Debug, Default)]
pub struct Grid {
    cells: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// Offset of its first cell; the cells end where the next row begins
    start: usize,
    /// Line of a text file or row of a sheet, from 1
    line: usize,
}

impl Grid {
    /// Adds a row unless it is empty. Spreadsheets often leave empty rows at the end.
    pub fn push<S: AsRef<str>>(&mut self, line: usize, cells: impl IntoIterator<Item = S>) {
        let start = self.cells.len();
        let mut has_content = false;
        for cell in cells {
            let cell = cell.as_ref().trim();
            has_content |= !cell.is_empty();
            self.cells.extend_from_slice(cell.as_bytes());
            self.cells.push(SEPARATOR);
        }

        if has_content {
            self.rows.push(Row { start, line });
        } else {
            self.cells.truncate(start);
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The line of the file, or row of the sheet, where a row begins.
    pub fn line(&self, at: usize) -> usize {
        self.rows[at].line
    }

    pub fn row(&self, at: usize) -> StringRecord {
        let end = self.rows.get(at + 1).map_or(self.cells.len(), |row| row.start);
        let cells = &self.cells[self.rows[at].start..end.saturating_sub(1)];
        let cells = cells.split(|byte| *byte == SEPARATOR);
        cells.map(|cell| str::from_utf8(cell).unwrap_or_default()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn empty_rows_are_left_out_and_empty_cells_stay() {
        let mut grid = Grid::default();

        grid.push(1, ["a", " b ", ""]);
        grid.push(2, ["", " ", "\u{3000}"]);
        grid.push(7, ["", "c"]);

        assert_eq!((grid.len(), grid.line(1)), (2, 7));
        assert_eq!(grid.row(0), vec!["a", "b", ""]);
        assert_eq!(grid.row(1), vec!["", "c"]);
    }
}
