//! The rows of a nested file by their owner, such as the lines of each order.

use std::collections::HashMap;

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::format::Nested;
use crate::table::Table;

/// Never part of UTF-8, so that it may part cells.
const SEPARATOR: u8 = 0xFF;

/// Compact, because there may be millions of lines and those of one order need not stand
/// together: the cells of all rows in one buffer, and for each owner a chain through it.
#[derive(Debug)]
pub struct NestedRows {
    pub nested: &'static Nested,
    pub table: Table,
    cells: Vec<u8>,
    rows: Vec<Row>,
    chains: HashMap<Box<str>, Chain>,
}

#[derive(Debug)]
struct Row {
    /// Where its cells begin; they end where the next row begins
    start: usize,
    /// The next row of the same owner
    next: Option<u32>,
}

#[derive(Debug)]
struct Chain {
    first: u32,
    last: u32,
    /// Whether the owner is in the folder
    claimed: bool,
}

impl NestedRows {
    /// Reads the whole file.
    pub fn read(nested: &'static Nested, table: Table) -> Result<Self> {
        let owner = table.place(nested.owner).unwrap_or_default();
        let (mut cells, mut rows) = (vec![], Vec::<Row>::new());
        let mut chains = HashMap::<Box<str>, Chain>::new();
        for row in table.rows()? {
            let (_, row) = row?;
            let too_many = |_| Error::Format(vec![format!("{}: too many rows", nested.file)]);
            let at = u32::try_from(rows.len()).map_err(too_many)?;
            rows.push(Row { start: cells.len(), next: None });
            for cell in &row {
                cells.extend_from_slice(cell.as_bytes());
                cells.push(SEPARATOR);
            }
            let key = row.get(owner).unwrap_or_default();
            if let Some(chain) = chains.get_mut(key) {
                rows[chain.last as usize].next = Some(at);
                chain.last = at;
            } else {
                chains.insert(key.into(), Chain { first: at, last: at, claimed: false });
            }
        }
        Ok(Self { nested, table, cells, rows, chains })
    }

    /// Tells that the owner is in the folder.
    pub fn claim(&mut self, owner: &str) {
        if let Some(chain) = self.chains.get_mut(owner) {
            chain.claimed = true;
        }
    }

    /// The rows of one owner, in the order of the file.
    pub fn of<'a>(&'a self, owner: &str) -> impl Iterator<Item = StringRecord> + use<'a> {
        let mut at = self.chains.get(owner).map(|chain| chain.first);
        std::iter::from_fn(move || {
            let row = at?;
            at = self.rows[row as usize].next;
            Some(self.row(row as usize))
        })
    }

    /// The rows whose owner is not in the folder.
    pub fn orphans(&self) -> impl Iterator<Item = StringRecord> {
        let owners = self.chains.iter().filter(|(_, chain)| !chain.claimed).map(|it| it.0);
        owners.flat_map(|owner| self.of(owner))
    }

    /// How people call a row: by its label, or by its place in the list.
    pub fn label(&self, place: usize, row: &StringRecord) -> String {
        let one = self.nested.field.trim_end_matches('s');
        let label = self.nested.label.and_then(|name| self.table.place(name));
        match label.and_then(|at| row.get(at)).filter(|it| !it.is_empty()) {
            Some(label) => format!("{one} {label}"),
            None => format!("{one} {}", place + 1),
        }
    }

    fn row(&self, at: usize) -> StringRecord {
        let end = self.rows.get(at + 1).map_or(self.cells.len(), |row| row.start);
        let cells = self.cells[self.rows[at].start..end].split(|byte| *byte == SEPARATOR);
        // the last separator ends the row, after it nothing follows
        let count = cells.clone().count() - 1;
        cells.take(count).map(|cell| str::from_utf8(cell).unwrap_or_default()).collect()
    }
}
