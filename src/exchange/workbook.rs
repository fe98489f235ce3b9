//! Reads XLSX workbooks: cells as text, with the type that the spreadsheet gave them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{DataRef, Dimensions, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use crate::cell::{FORMULA, MERGED};
use crate::format::Kind;

/// The largest number of columns. No file of the format has a tenth of it.
const MOST_COLUMNS: usize = 400;

/// Half a second as a fraction of a day. Times closer to midnight count as midnight.
const HALF_A_SECOND: f64 = 0.5 / 86_400.0;

pub struct Workbook(Xlsx<BufReader<File>>);

/// A row of a sheet with its number, from 1.
pub struct SheetRow {
    pub number: usize,
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone, Default)]
pub struct Cell {
    pub text: String,
    pub shape: Shape,
}

/// The type that the spreadsheet gave a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    Empty,
    Text,
    Number,
    Date,
}

impl Workbook {
    pub fn open(path: &Path) -> Result<Self, XlsxError> {
        calamine::open_workbook(path).map(Self)
    }

    /// The names of the worksheets, and whether each is visible.
    pub fn sheets(&self) -> Vec<(String, bool)> {
        let sheets = self.0.sheets_metadata().iter();
        let sheets = sheets.filter(|sheet| sheet.typ == SheetType::WorkSheet);
        sheets.map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible)).collect()
    }

    /// Reads the rows of a sheet that have cells.
    pub fn read(&mut self, sheet: &str) -> Result<Vec<SheetRow>, String> {
        let fault = |error: XlsxError| error.to_string();
        let mut rows = self.values(sheet).map_err(fault)?;
        if let Some(row) = rows.iter().find(|row| row.cells.len() > MOST_COLUMNS) {
            return Err(format!("row {} has more than {MOST_COLUMNS} columns", row.number));
        }

        for (row, column) in self.formulas(sheet).map_err(fault)? {
            // A formula that was never computed has no value. An empty text would be a value.
            let cell = rows.binary_search_by_key(&(row + 1), |row| row.number);
            let cell = cell.ok().and_then(|at| rows[at].cells.get_mut(column));
            if let Some(cell) = cell.filter(|cell| cell.shape == Shape::Empty) {
                *cell = Cell { text: FORMULA.into(), shape: Shape::Text };
            }
        }

        let merged = self.0.merge_cells_by_sheet_name(sheet).map_err(fault)?;
        for region in &merged {
            mark(&mut rows, region);
        }
        Ok(rows)
    }

    fn values(&mut self, sheet: &str) -> Result<Vec<SheetRow>, XlsxError> {
        let mut reader = self.0.worksheet_cells_reader(sheet)?;
        let formats: Vec<String> = reader.styles().iter().map(number_format).collect();
        let mut rows: Vec<SheetRow> = vec![];

        while let Some((cell, style)) = reader.next_cell_with_style_id()? {
            let (row, column) = cell.get_position();
            let (number, column) = (row as usize + 1, column as usize);
            if rows.last().is_none_or(|row| row.number < number) {
                rows.push(SheetRow { number, cells: vec![] });
            }
            let last = rows.last_mut().filter(|row| row.number == number);
            let row = last.ok_or(XlsxError::Unexpected("rows in disorder"))?;
            if column >= row.cells.len() {
                row.cells.resize(column + 1, Cell::default());
            }
            row.cells[column] =
                shown(cell.get_value(), formats.get(style).map_or("", String::as_str));
        }
        Ok(rows)
    }

    /// The row and column of each formula, from 0.
    fn formulas(&mut self, sheet: &str) -> Result<Vec<(usize, usize)>, XlsxError> {
        let (mut reader, mut places) = (self.0.worksheet_cells_reader(sheet)?, vec![]);
        while let Some(cell) = reader.next_formula()? {
            if !cell.get_value().is_empty() {
                let (row, column) = cell.get_position();
                places.push((row as usize, column as usize));
            }
        }
        Ok(places)
    }
}

fn number_format(style: &calamine::Style) -> String {
    style.number_format.as_ref().map(|format| format.format_code.clone()).unwrap_or_default()
}

/// Marks the cells of a merged region except the first one, in rows that have other content.
fn mark(rows: &mut [SheetRow], region: &Dimensions) {
    let (first, last) = (region.start, region.end);
    let numbers = first.0 as usize + 1..=last.0 as usize + 1;
    let columns = first.1 as usize..=(last.1 as usize).min(MOST_COLUMNS);

    for row in rows.iter_mut().filter(|row| numbers.contains(&row.number)) {
        let is_first = row.number == *numbers.start();
        let filled = row.cells.iter().enumerate().any(|(at, cell)| {
            let covered = columns.contains(&at) && !(is_first && at == *columns.start());
            !covered && !cell.text.is_empty()
        });
        if !filled {
            continue;
        }
        for at in columns.clone().skip(usize::from(is_first)) {
            if at >= row.cells.len() {
                row.cells.resize(at + 1, Cell::default());
            }
            row.cells[at] = Cell { text: MERGED.into(), shape: Shape::Text };
        }
    }
}

/// Converts a cell to text: numbers as a spreadsheet shows them, with up to 15 digits, dates with
/// the year first.
fn shown(value: &DataRef<'_>, format: &str) -> Cell {
    let (text, shape) = match value {
        DataRef::Empty => return Cell::default(),
        DataRef::String(text) => (text.clone(), Shape::Text),
        DataRef::SharedString(text) => ((*text).to_owned(), Shape::Text),
        DataRef::Bool(value) => (value.to_string().to_uppercase(), Shape::Text),
        DataRef::Error(error) => (error.to_string(), Shape::Text),
        DataRef::Int(number) => (number.to_string(), Shape::Number),
        DataRef::Float(number) => return number_shown(*number, format),
        DataRef::DateTime(at) if at.is_datetime() && at.as_f64() >= 1.0 => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            let date = format!("{year}-{month:02}-{day:02}");
            let midnight = at.as_f64().fract() < HALF_A_SECOND;
            let time = format!(" {hour:02}:{minute:02}:{second:02}");
            (if midnight { date } else { date + &time }, Shape::Date)
        }
        DataRef::DateTime(at) => (at.as_f64().to_string(), Shape::Date),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (text.clone(), Shape::Date),
    };
    Cell { text, shape }
}

fn number_shown(number: f64, format: &str) -> Cell {
    // Only outside quotes: the format `0.00" %"` shows the sign without multiplying by 100.
    let percent = format.split('"').step_by(2).any(|part| part.contains('%'));
    let number = rounded(if percent { number * 100.0 } else { number });
    // Spreadsheets keep 15 digits of a number and replace the others by zeros.
    if number.abs() >= 1e15 {
        let text = format!("{number:.4E}").replace('E', "E+");
        return Cell { text, shape: Shape::Number };
    }

    let text = number.to_string();
    if percent {
        return Cell { text: text + "%", shape: Shape::Number };
    }
    // With the format `00000`, leading zeros are shown and belong to the value.
    let zeros = format.len() > 1 && format.bytes().all(|byte| byte == b'0');
    if zeros && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cell { text: format!("{text:0>width$}", width = format.len()), shape: Shape::Text };
    }
    Cell { text, shape: Shape::Number }
}

/// Rounds to 15 digits, so that 0.1 + 0.2 is 0.3.
fn rounded(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

impl Cell {
    /// The text for a column, with a mark if the spreadsheet may have changed the typed value.
    pub fn settled(self, kind: Kind) -> String {
        let Self { text, shape } = self;
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        // Leading zeros and plus signs get lost. Chinese mobile numbers have neither.
        let is_phone = is_whole && text.len() == 11 && text.starts_with('1');
        match shape {
            Shape::Date if kind.is_text() => format!("{} {text}", crate::cell::DATE),
            Shape::Number if kind == Kind::Phone && !is_phone => {
                format!("{} {text}", crate::cell::NUMBER)
            }
            Shape::Number if kind.is_code() && !is_whole => {
                format!("{} {text}", crate::cell::NUMBER)
            }
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_in_the_sheet() {
        let text = |number, format| number_shown(number, format).text;

        assert_eq!(text(0.1 + 0.2, "General"), "0.3");
        assert_eq!(text(1200.5, "#,##0.00"), "1200.5");
        assert_eq!(text(13_812_345_678.0, ""), "13812345678");
        assert_eq!(text(110_101_199_001_011_234.0, "0"), "1.1010E+17");
        assert_eq!(text(0.13, "0%"), "13%");
        assert_eq!(text(0.07, "0.00%"), "7%");
        assert_eq!(text(123.0, "00000"), "00123");
        assert_eq!(text(-0.000_001, ""), "-0.000001");
    }

    #[test]
    fn what_became_a_number_or_a_date_is_marked_where_digits_matter() {
        let settled = |text: &str, shape, kind| Cell { text: text.into(), shape }.settled(kind);

        assert_eq!(settled("1001", Shape::Number, Kind::Id), "1001");
        assert_eq!(settled("1.1", Shape::Number, Kind::Code), "#NUMBER! 1.1");
        assert_eq!(settled("13812345678", Shape::Number, Kind::Phone), "13812345678");
        assert_eq!(settled("2112345678", Shape::Number, Kind::Phone), "#NUMBER! 2112345678");
        assert_eq!(settled("2026-03-01", Shape::Date, Kind::Code), "#DATE! 2026-03-01");
        assert_eq!(settled("2026-03-01", Shape::Date, Kind::Date), "2026-03-01");
    }
}
