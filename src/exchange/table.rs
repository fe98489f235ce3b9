//! A CSV file of the folder, whose header is good.

use std::fs::File;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::format::Column;

#[derive(Debug)]
pub struct Table {
    pub path: PathBuf,
    pub header: StringRecord,
    /// The column of each cell
    pub cells: Vec<&'static Column>,
}

impl Table {
    /// `None` when the file is not there. What is wrong with the header goes to `faults`.
    pub fn open(
        dir: &Path,
        file: &str,
        columns: &'static [Column],
        faults: &mut Vec<String>,
    ) -> Result<Option<Self>> {
        let path = dir.join(file);
        if !path.try_exists().map_err(Error::file(&path))? {
            return Ok(None);
        }
        let header = reader(&path)?.headers().map_err(Error::csv(&path))?.clone();
        let found: Vec<Option<&Column>> =
            header.iter().map(|name| columns.iter().find(|it| it.name == name)).collect();
        let unknown = header.iter().zip(&found).filter(|it| it.1.is_none()).map(|it| it.0);
        let repeated = header
            .iter()
            .enumerate()
            .filter(|(at, name)| header.iter().position(|other| other == *name) != Some(*at));
        let missing = columns.iter().filter(|it| it.required).map(|it| it.name);
        for (what, names) in [
            ("unknown", unknown.collect::<Vec<_>>()),
            ("repeated", repeated.map(|it| it.1).collect()),
            ("missing", missing.filter(|name| !header.iter().any(|it| it == *name)).collect()),
        ] {
            let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            if !names.is_empty() {
                let known = columns.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
                let hint =
                    if what == "unknown" { format!("; known are {known}") } else { String::new() };
                let s = if names.len() == 1 { "" } else { "s" };
                faults.push(format!("{file}: {what} column{s} {}{hint}", names.join(", ")));
            }
        }
        let cells = found.into_iter().flatten().collect();
        Ok(Some(Self { path, header, cells }))
    }

    /// The place of a column in the rows.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.cells.iter().position(|it| it.name == name)
    }

    /// The rows with their numbers, from 0. Rows without any content are passed over, as
    /// spreadsheets leave them at the end.
    pub fn rows(&self) -> Result<impl Iterator<Item = Result<(usize, StringRecord)>>> {
        let path = self.path.clone();
        let rows = reader(&self.path)?.into_records().enumerate();
        Ok(rows
            .map(move |(at, row)| Ok((at, row.map_err(Error::csv(&path))?)))
            .filter(|it| !it.as_ref().is_ok_and(|(_, row)| row.iter().all(str::is_empty))))
    }
}

/// Flexible, so that a row with too few or too many cells is refused by itself and does not end
/// the import. The csv crate passes over a BOM.
fn reader(path: &Path) -> Result<csv::Reader<File>> {
    let file = File::open(path).map_err(Error::file(path))?;
    let mut builder = csv::ReaderBuilder::new();
    let builder = builder.flexible(true).trim(csv::Trim::All).buffer_capacity(1 << 18);
    Ok(builder.from_reader(file))
}
