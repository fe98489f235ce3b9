//! The rows that were refused, in a file beside the input.

use std::fs::File;
use std::path::{Path, PathBuf};

use csv::{StringRecord, Writer};

use crate::error::{Error, Result};
use crate::format::REJECTED;
use crate::table::Table;

/// Comes into being with the first refused row.
pub struct Rejected {
    path: PathBuf,
    header: StringRecord,
    writer: Option<Writer<File>>,
    /// Rows refused so far
    pub count: usize,
}

impl Rejected {
    /// Removes what the run before has left.
    pub fn beside(table: &Table) -> Result<Self> {
        let path = path(&table.path);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file(&path)(error));
            }
            _ => {}
        }
        Ok(Self { path, header: table.header.clone(), writer: None, count: 0 })
    }

    /// The row as it was, and why it was refused.
    pub fn push(&mut self, row: &StringRecord, reason: &str) -> Result<()> {
        self.count += 1;
        let width = self.header.len();
        let bad = || Error::csv(&self.path);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(&self.path).map_err(Error::file(&self.path))?;
                let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                writer.write_record(self.header.iter().chain(["reason"])).map_err(bad())?;
                none.insert(writer)
            }
        };
        // A row that is too short is filled up, so that the reason stands in its own column.
        let padding = std::iter::repeat_n("", width.saturating_sub(row.len()));
        writer.write_record(row.iter().chain(padding).chain([reason])).map_err(bad())
    }

    pub fn finish(mut self) -> Result<usize> {
        if let Some(writer) = &mut self.writer {
            writer.flush().map_err(Error::file(&self.path))?;
        }
        Ok(self.count)
    }
}

/// `orders.csv` → `orders.rejected.csv`
fn path(input: &Path) -> PathBuf {
    let mut path = input.with_extension("").into_os_string();
    path.push(REJECTED);
    path.into()
}
