//! Writes the refused rows to a file next to the input. The file opens in a spreadsheet and can be
//! imported as it is.

use std::path::{Path, PathBuf};

use csv::{StringRecord, Writer};

use crate::error::{Error, Result};
use crate::headings::REASON;
use crate::table::Table;
use crate::words::{Language, Words, join};

/// Byte order mark. Without it, Excel reads UTF-8 as the regional encoding.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// A file of rejected rows. It is written at the end, so that an aborted run keeps the file of
/// the previous run.
pub struct Rejected {
    path: PathBuf,
    /// Set in a dry run if the file is also the input, which must then stay as it is
    keep: bool,
    writer: Writer<Vec<u8>>,
    width: usize,
    /// Rows refused so far
    pub count: usize,
}

impl Rejected {
    pub fn beside(table: &Table, dry_run: bool) -> Result<Self> {
        let path = table.rejected();
        let keep = dry_run && path == table.path;
        let mut builder = csv::WriterBuilder::new();
        builder.flexible(true).terminator(csv::Terminator::CRLF);
        let mut rejected = Self {
            path,
            keep,
            writer: builder.from_writer(MARK.to_vec()),
            width: table.columns.len(),
            count: 0,
        };

        let mut headings: Vec<&str> = table.headings.iter().collect();
        let reason = reason(table);
        match reason {
            Some(_) => {}
            None if table.language == Language::Chinese => headings.push(REASON[1]),
            None => headings.push(REASON[0]),
        }
        rejected.write(headings)?;
        Ok(rejected)
    }

    /// Adds a row with its reasons. Surplus cells are kept after the reason, so that the row is
    /// refused again until somebody has removed them.
    pub fn push(&mut self, table: &Table, at: usize, reasons: &[Words]) -> Result<()> {
        let (row, language) = (table.row(at), table.language);
        let reason_at = reason(table);
        let words = format!("{}: {}", table.line(at).of(language), join(reasons, language));
        let mut cells: Vec<&str> = row.iter().take(self.width).collect();
        match reason_at {
            Some(at) => cells[at] = &words,
            None => cells.push(&words),
        }
        cells.extend(row.iter().skip(self.width));
        self.count += 1;
        self.write(cells)
    }

    fn write(&mut self, cells: Vec<&str>) -> Result<()> {
        let bad = |error: csv::Error| Error::rejected(&self.path)(std::io::Error::other(error));
        self.writer.write_record(&StringRecord::from(cells)).map_err(bad)
    }

    /// Replaces the file of the previous run, or removes it if nothing was refused.
    pub fn finish(self) -> Result<usize> {
        let bad = || Error::rejected(&self.path);
        if self.keep {
            return Ok(self.count);
        }
        if self.count > 0 {
            let lost = |error: csv::IntoInnerError<_>| std::io::Error::other(error.to_string());
            let bytes = self.writer.into_inner().map_err(lost).map_err(bad())?;
            replace(&self.path, &bytes).map_err(Error::rejected(&self.path))?;
            return Ok(self.count);
        }
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(bad()(error)),
            _ => Ok(0),
        }
    }
}

/// The index of the reason column if the input is itself a file of rejected rows.
fn reason(table: &Table) -> Option<usize> {
    let is_reason = |heading: &str| REASON.contains(&heading.to_lowercase().as_str());
    table.headings.iter().position(is_reason)
}

/// Replaces a file atomically: it may be the input.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("csv.new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(new, path)
}
