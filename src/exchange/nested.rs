//! Groups the rows of a nested file by owner, such as order lines by order.

use std::collections::HashMap;

use csv::StringRecord;

use crate::format::Nested;
use crate::table::Table;

/// A linked list of rows for each owner: the lines of an order need not be adjacent.
#[derive(Debug)]
pub struct NestedRows {
    pub nested: &'static Nested,
    pub table: Table,
    /// For each row, the next row of the same owner
    next: Vec<Option<usize>>,
    chains: HashMap<Box<str>, Chain>,
}

#[derive(Debug)]
struct Chain {
    first: usize,
    last: usize,
    /// True if the owner is in the folder
    claimed: bool,
}

impl NestedRows {
    pub fn of(nested: &'static Nested, table: Table) -> Self {
        let owner = table.place(nested.owner).unwrap_or_default();
        let mut next = vec![None; table.len()];
        let mut chains = HashMap::<Box<str>, Chain>::new();
        for at in 0..table.len() {
            let row = table.row(at);
            let key = row.get(owner).unwrap_or_default();
            if let Some(chain) = chains.get_mut(key) {
                next[chain.last] = Some(at);
                chain.last = at;
            } else {
                chains.insert(key.into(), Chain { first: at, last: at, claimed: false });
            }
        }
        Self { nested, table, next, chains }
    }

    /// Records that the owner is in the folder.
    pub fn claim(&mut self, owner: &str) {
        if let Some(chain) = self.chains.get_mut(owner) {
            chain.claimed = true;
        }
    }

    /// The indexes of an owner's rows, in file order.
    pub fn places(&self, owner: &str) -> impl Iterator<Item = usize> {
        let first = self.chains.get(owner).map(|chain| chain.first);
        std::iter::successors(first, |at| self.next[*at])
    }

    /// The indexes of the rows whose owner is not in the folder, in file order.
    pub fn orphans(&self) -> Vec<usize> {
        let owners = self.chains.iter().filter(|(_, chain)| !chain.claimed).map(|(owner, _)| owner);
        let mut orphans: Vec<_> = owners.flat_map(|owner| self.places(owner)).collect();
        orphans.sort_unstable();
        orphans
    }

    /// The name of a row in messages, such as `line 3`: its label or its position in the list.
    pub fn label(&self, place: usize, row: &StringRecord) -> String {
        let one = self.nested.field.trim_end_matches('s');
        let label = self.nested.label.and_then(|name| self.table.place(name));
        match label.and_then(|at| row.get(at)).filter(|label| !label.is_empty()) {
            Some(label) => format!("{one} {label}"),
            None => format!("{one} {}", place + 1),
        }
    }
}
