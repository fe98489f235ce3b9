//! Strict parser for delimited text (RFC 4180): a file with a syntax error is refused as a whole.
//! The csv crate would silently read an unclosed quote as one long cell.

use std::borrow::Cow;

use crate::encoding::{breaks, place};
use crate::grid::Grid;

/// Supported delimiters, the usual one first.
pub const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Parses a whole text.
pub fn parse(text: &str, delimiter: u8) -> Result<Grid, String> {
    let (grid, fault) = parse_up_to(text, delimiter, usize::MAX);
    fault.map_or(Ok(grid), Err)
}

/// Parses at most `most` rows. Returns the rows before the first syntax error, and the error.
pub fn parse_up_to(text: &str, delimiter: u8, most: usize) -> (Grid, Option<String>) {
    let (mut grid, mut rest) = (Grid::default(), Remainder { text, delimiter, at: 0, line: 1 });
    while rest.at < text.len() && grid.len() < most {
        let line = rest.line;
        match rest.row() {
            Ok(cells) => grid.push(line, cells),
            Err(fault) => return (grid, Some(fault)),
        }
    }
    (grid, None)
}

/// The part of a text that has not been parsed yet.
struct Remainder<'a> {
    text: &'a str,
    delimiter: u8,
    at: usize,
    /// Line of `at`, from 1
    line: usize,
}

impl<'a> Remainder<'a> {
    fn row(&mut self) -> Result<Vec<Cow<'a, str>>, String> {
        let mut cells = vec![];
        loop {
            cells.push(self.cell()?);
            match self.next() {
                Some(byte) if byte == self.delimiter => self.at += 1,
                Some(b'\r') if self.text[self.at..].starts_with("\r\n") => {
                    self.at += 2;
                    break;
                }
                Some(_) => {
                    self.at += 1;
                    break;
                }
                None => break,
            }
        }
        self.line += 1;
        Ok(cells)
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads one cell and stops before the delimiter or line break that follows it.
    fn cell(&mut self) -> Result<Cow<'a, str>, String> {
        let start = self.at;
        self.skip_blanks();
        if self.next() == Some(b'"') {
            return self.quoted();
        }

        let (text, delimiter) = (&self.text[start..], char::from(self.delimiter));
        let length = text.find([delimiter, '\n', '\r']).unwrap_or(text.len());
        self.at = start + length;
        Ok(text[..length].into())
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        let (opened, mut cell) = (self.at, Cow::Borrowed(""));
        self.at += 1;
        loop {
            let Some(length) = self.text[self.at..].find('"') else {
                let at = place(self.text, opened);
                return Err(format!("{at}: the quote that begins here is not closed"));
            };
            cell += &self.text[self.at..self.at + length];
            self.at += length + 1;
            if self.next() != Some(b'"') {
                break;
            }
            cell += "\"";
            self.at += 1;
        }
        self.line += breaks(&self.text[opened..self.at]);

        self.skip_blanks();
        match self.next() {
            Some(byte) if byte != self.delimiter && byte != b'\n' && byte != b'\r' => Err(format!(
                "{}: text after the quote that ends the cell begun in {}; a quote is missing, or one \
                 within the cell is not doubled",
                place(self.text, self.at),
                place(self.text, opened)
            )),
            _ => Ok(cell),
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(byte @ (b' ' | b'\t')) = self.next()
            && byte != self.delimiter
        {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, delimiter: u8) -> Vec<(usize, Vec<String>)> {
        let grid = parse(text, delimiter).unwrap();
        let cells = |at| grid.row(at).iter().map(str::to_owned).collect();
        (0..grid.len()).map(|at| (grid.line(at), cells(at))).collect()
    }

    #[test]
    fn cells_and_the_lines_where_their_rows_begin() {
        let text = "a,b\r\n \"x, \"\"y\"\"\r\nz\" , 2\r\n\r\n,\"\"\n19\" wide,\"\"\"\"\rlast,";
        let read = rows(text, b',');

        let row = |line, first: &str, second: &str| (line, vec![first.into(), second.into()]);
        assert_eq!(
            read,
            [
                row(1, "a", "b"),
                row(2, "x, \"y\"\r\nz", "2"),
                row(6, "19\" wide", "\""),
                row(7, "last", "")
            ]
        );
        assert_eq!(
            rows("a\tb c\t\"d\te\"\n", b'\t'),
            [(1, vec!["a".to_owned(), "b c".into(), "d\te".into()])]
        );
        assert!(rows("", b',').is_empty());
    }

    #[test]
    fn whatever_the_csv_crate_writes_is_read_as_it_was() {
        let letters = ["a", ",", ";", "\"", "\n", "\r", " ", "客"];
        let pairs = letters.iter().flat_map(|one| letters.map(|other| format!("{one}{other}")));
        let pairs: Vec<String> = pairs.collect();
        let cells =
            letters.iter().flat_map(|one| pairs.iter().map(move |pair| format!("{one}{pair}")));
        let cells: Vec<String> = cells.collect();

        for delimiter in DELIMITERS {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(vec![]);
            cells.chunks(4).for_each(|row| writer.write_record(row).unwrap());
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let read = rows(&text, delimiter).into_iter().flat_map(|(_, row)| row);
            let trimmed = cells.chunks(4).map(|row| row.iter().map(|cell| cell.trim().to_owned()));
            // Empty rows are skipped.
            let filled =
                trimmed.map(Vec::from_iter).filter(|row| row.iter().any(|cell| !cell.is_empty()));

            assert!(read.eq(filled.flatten()), "{}", char::from(delimiter));
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named() {
        let fault = |text| parse(text, b',').unwrap_err();

        assert_eq!(
            fault("a,b\n1,x\n2,\"y\n3,z\n"),
            "line 3, column 3: the quote that begins here is not closed"
        );
        assert!(
            fault("a,b\n2,\"y\n3,\"z\"\n").starts_with("line 3, column 4: text after the quote")
        );
        assert!(fault("a,b\n2,\"19\" wide\"\n").contains("begun in line 2, column 3"));
    }
}
