//! The folder with all its files, read once before anything is sent.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::format::{self, FILES, Layout, REJECTED};
use crate::nested::NestedRows;
use crate::table::Table;

/// A file that will be imported.
pub struct Source {
    pub layout: &'static Layout,
    pub table: Table,
    pub nested: Option<NestedRows>,
    /// Where the external id stands
    pub key: usize,
    /// Rows with content
    pub rows: usize,
    /// The numbers of rows whose external id comes again further down
    pub superseded: HashSet<usize>,
}

/// Rows with their numbers.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<(usize, StringRecord)>> + Send + 'a>;

/// The files in the order of the import, and a line for each that is not part of it.
pub fn open(dir: &Path) -> Result<(Vec<Source>, Vec<String>)> {
    let (mut faults, mut found) = (vec![], vec![]);
    for layout in FILES {
        let table = Table::open(dir, layout.file, layout.columns, &mut faults)?;
        let nested = match &layout.nested {
            Some(it) => {
                Table::open(dir, it.file, it.columns, &mut faults)?.map(|table| (it, table))
            }
            None => None,
        };
        match (table, nested) {
            (None, None) => {}
            (None, Some((it, _))) => {
                faults.push(format!("{}: its owners are missing, {}", it.file, layout.file));
            }
            (Some(table), nested) => found.push((layout, table, nested)),
        }
    }
    if faults.is_empty() && found.is_empty() {
        faults.push(format!("{}: there is no file of the exchange format", dir.display()));
    }
    if !faults.is_empty() {
        return Err(Error::Format(faults));
    }
    let mut sources = vec![];
    for (layout, table, nested) in found {
        let nested = nested.map(|(it, table)| NestedRows::read(it, table)).transpose()?;
        sources.push(survey(layout, table, nested)?);
    }
    Ok((sources, strangers(dir)?))
}

/// Reads a file once: counts its rows, finds those that come again, and fails on bytes that are
/// no text while nothing has been sent.
fn survey(layout: &'static Layout, table: Table, mut nested: Option<NestedRows>) -> Result<Source> {
    let key = table.place("external_id").unwrap_or_default();
    let (mut rows, mut superseded) = (0, HashSet::new());
    let mut latest = HashMap::<Box<str>, usize>::new();
    for row in table.rows()? {
        let (number, row) = row?;
        rows += 1;
        let Some(id) = row.get(key).filter(|id| !id.is_empty()) else { continue };
        if let Some(nested) = &mut nested {
            nested.claim(id);
        }
        match latest.get_mut(id) {
            Some(before) => drop(superseded.insert(std::mem::replace(before, number))),
            None => drop(latest.insert(id.into(), number)),
        }
    }
    Ok(Source { layout, table, nested, key, rows, superseded })
}

fn strangers(dir: &Path) -> Result<Vec<String>> {
    let mut names = vec![];
    for entry in std::fs::read_dir(dir).map_err(Error::file(dir))? {
        let name = entry.map_err(Error::file(dir))?.file_name().to_string_lossy().into_owned();
        let csv = Path::new(&name).extension().is_some_and(|it| it.eq_ignore_ascii_case("csv"));
        if csv && !name.ends_with(REJECTED) && !format::knows(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|it| format!("{it}: not part of the format, left alone")).collect())
}

impl Source {
    /// Whether the rows lie below each other, so that their batches have to go one after the
    /// other.
    pub fn is_tree(&self) -> bool {
        self.table.place(Layout::PARENT).is_some()
    }

    /// The rows with their numbers; of a tree the upper ones first. A tree is held in memory:
    /// teams, territories and targets are few beside orders.
    pub fn rows(&self) -> Result<Rows<'_>> {
        let rows = self.table.rows()?;
        let Some(parent) = self.table.place(Layout::PARENT) else {
            return Ok(Box::new(rows));
        };
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let levels = levels(&rows, self.key, parent);
        let mut order: Vec<_> = levels.into_iter().zip(rows).collect();
        order.sort_by_key(|(level, _)| *level);
        Ok(Box::new(order.into_iter().map(|(_, row)| Ok(row))))
    }
}

/// How many rows of the file are above each. Rows in a circle come last, for the service to
/// refuse.
fn levels(rows: &[(usize, StringRecord)], key: usize, parent: usize) -> Vec<usize> {
    let cell = |row: &'_ StringRecord, at| row.get(at).unwrap_or_default().to_owned();
    let parents: HashMap<String, String> =
        rows.iter().map(|(_, row)| (cell(row, key), cell(row, parent))).collect();
    let level = |row: &StringRecord| {
        let mut at = row.get(parent).unwrap_or_default();
        let mut level = 0;
        while let Some(above) = parents.get(at)
            && level <= rows.len()
        {
            level += 1;
            at = above;
        }
        level
    };
    rows.iter().map(|(_, row)| level(row)).collect()
}
