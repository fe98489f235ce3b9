//! Corrects the outcomes of a dry run. A dry run stores nothing, so the service does not find the
//! customer of an order if both are in the same folder. Such a reference counts as resolved if
//! the referenced row would be accepted.

use std::collections::{HashMap, HashSet};

use crate::folder::Source;
use crate::outcome::{Fault, Outcome, Status};
use crate::refusal::nested_place;
use crate::table::Table;

/// External ids of the rows that would be accepted, by resource.
#[derive(Debug, Default)]
pub struct AcceptedIds(HashMap<&'static str, HashSet<Box<str>>>);

impl AcceptedIds {
    /// Records an outcome. A row that failed only because it refers to rows of the same folder is
    /// turned into a created one first.
    pub fn settle(&mut self, source: &Source, at: usize, outcome: &mut Outcome) {
        let faults = outcome.problem.as_ref().map_or(&[][..], |problem| &problem.errors[..]);
        if !faults.is_empty() && faults.iter().all(|fault| self.explains(source, at, fault)) {
            outcome.status = Status::Created;
        }
        if outcome.status != Status::Failed {
            let row = source.table.row(at);
            let id = row.get(source.key).unwrap_or_default().into();
            self.0.entry(source.layout.resource).or_default().insert(id);
        }
    }

    /// Checks whether the fault is a reference to a row that would be accepted.
    fn explains(&self, source: &Source, at: usize, fault: &Fault) -> bool {
        let field = fault.pointer.rsplit('/').next().unwrap_or_default();
        let referred = match (nested_place(fault, source), &source.nested) {
            (Some(place), Some(nested)) => {
                let row = source.table.row(at);
                let mut places = nested.places(row.get(source.key).unwrap_or_default());
                places.nth(place).and_then(|line| cell(&nested.table, line, field))
            }
            _ => cell(&source.table, at, field),
        };
        let is_taken =
            |id: &str, resource: &str| self.0.get(resource).is_some_and(|ids| ids.contains(id));
        fault.code == "unknown_reference"
            && referred.is_some_and(|id| {
                source.layout.target(field).iter().any(|resource| is_taken(&id, resource))
            })
    }
}

fn cell(table: &Table, at: usize, field: &str) -> Option<String> {
    Some(table.row(at).get(table.place(field)?)?.to_owned())
}
