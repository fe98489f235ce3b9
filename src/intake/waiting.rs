//! Parked items: items of a batch that are kept until the rows that they refer to exist, and are
//! then imported as if they had been sent again.

use std::collections::HashSet;

use platform::batch::{BatchItems, Outcomes};
use platform::{Error, Fault, Result, Tx};
use uuid::Uuid;

use crate::hooks::{ItemSource, Parked, Parking};
use crate::imported::{Draft, Imported};
use crate::reference::{Missing, Resolved};

/// The items of a batch to park, because the rows that they refer to do not exist yet.
pub(crate) struct Waiting {
    /// The store for them. `None` if such items fail instead
    pub parking: Option<Parking>,
    /// Position in the batch, the id that the row would have got, external id, missing references
    pub items: Vec<(usize, Uuid, String, Vec<Missing>)>,
    /// New items that fail: the id that the row would have got, and the external id. Items that
    /// refer to them wait, because a corrected item may be sent later
    pub refused: Vec<(Uuid, String)>,
}

impl Waiting {
    /// Returns `true` if an item can wait: all its faults are missing references, and their rows
    /// can be imported.
    pub fn takes(&self, of: &Resolved) -> bool {
        let all = of.faults.len() == of.missing.len() && !of.missing.is_empty();
        let arrives =
            |parking: Parking| of.missing.iter().all(|missing| (parking.arrives)(missing.of));
        all && self.parking.is_some_and(arrives)
    }

    /// Returns the external id of an item whose row does not exist although the item was sent.
    /// `None` if items that refer to it do not wait.
    pub fn named(&self, id: Uuid) -> Option<&str> {
        self.parking?;
        let items = self.items.iter().map(|item| (item.1, item.2.as_str()));
        let mut all = items.chain(self.refused.iter().map(|item| (item.0, item.1.as_str())));
        all.find(|item| item.0 == id).map(|item| item.1)
    }

    /// Notes an item that fails. If it is new, its row does not exist.
    pub fn refuses(&mut self, new: bool, id: Uuid, external_id: String) {
        if new {
            self.refused.push((id, external_id));
        }
    }

    /// Sorts drafts parents first. Drafts in a cycle fail. Drafts below a parked one, or below a
    /// refused one that does not exist, are parked as well.
    pub fn parents_first<R: Imported>(
        &mut self,
        drafts: Vec<Draft<R>>,
        source_system: &str,
        outcomes: &mut Outcomes,
    ) -> Vec<Draft<R>> {
        if drafts.iter().all(|draft| draft.after.parent().is_none()) {
            return drafts;
        }

        // Each round takes the drafts whose parents are not among the rest.
        let mut waiting: HashSet<Uuid> = drafts.iter().map(|draft| draft.after.id()).collect();
        let (mut sorted, mut rest) = (Vec::with_capacity(drafts.len()), drafts);
        while !rest.is_empty() {
            let is_ready = |draft: &Draft<R>| {
                draft.after.parent().is_none_or(|parent| !waiting.contains(&parent))
            };
            let (ready, blocked): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_ready);
            // Only drafts in a cycle, or below one, are left.
            if ready.is_empty() {
                let fault = Fault::new("/parent_id", "cycle", "a row cannot be below itself");
                let error = Error::invalid(vec![fault]);
                for draft in blocked {
                    draft.items().for_each(|index| outcomes.failed(index, &error));
                }
                break;
            }

            for draft in ready {
                waiting.remove(&draft.after.id());
                if !self.follows::<R>(draft.index, &draft.after, source_system) {
                    sorted.push(draft);
                }
            }
            rest = blocked;
        }
        sorted
    }

    /// Parks a row whose parent is parked or was refused. Returns `false` if the row does not have
    /// to wait.
    pub fn follows<R: Imported>(&mut self, index: usize, row: &R, source_system: &str) -> bool {
        let Some(name) = row.parent().and_then(|parent| self.named(parent)) else { return false };
        let (of, external_id) = (R::TYPE, name.to_owned());
        let missing = Missing { of, source_system: source_system.to_owned(), external_id };
        let own = row.external_id().unwrap_or_default().to_owned();
        self.items.push((index, row.id(), own, vec![missing]));
        true
    }

    /// Parks the items. Those for which there is no room fail with `too_many_pending`.
    pub async fn park(
        self,
        tx: &mut Tx,
        source: ItemSource<'_>,
        batch: &BatchItems,
        outcomes: &mut Outcomes,
    ) -> Result<()> {
        let Some(parking) = self.parking.filter(|_| !self.items.is_empty()) else { return Ok(()) };
        let room = (parking.room)(tx, source.source_system).await?;
        let mut parked = vec![];
        for (index, _, external_id, missing) in self.items {
            if parked.len() == room {
                let detail = "Too many items of this source system are pending.";
                outcomes.failed(index, &Error::conflict("too_many_pending", detail));
                continue;
            }
            outcomes.pending(index);
            parked.push(Parked { external_id, item: batch.item(index)?, missing });
        }
        (parking.park)(tx, source, parked).await
    }
}
