//! The end of a batch: settles the written rows and records their changes.

use std::collections::HashSet;

use platform::batch::{Outcomes, Status};
use platform::{Result, Tx};
use uuid::Uuid;

use crate::imported::{Draft, Imported};

/// The maximum number and size of changes that are recorded in one statement. Bounded because a
/// connection keeps buffers as large as its largest statement.
const AT_ONCE: usize = 1000;
const AT_ONCE_BYTES: usize = 512 << 10;

/// Settles and records the drafts that were not refused. Each draft is dropped as soon as its
/// change is made: ten thousand drafts with their changes would be most of a batch's memory.
pub(crate) async fn record<R: Imported>(
    tx: &mut Tx,
    mut drafts: Vec<Draft<R>>,
    refused: &HashSet<Uuid>,
    outcomes: &mut Outcomes,
) -> Result<()> {
    drafts.retain(|draft| !refused.contains(&draft.after.id()));
    let (unchanged, mut written): (Vec<_>, Vec<_>) =
        drafts.into_iter().partition(|draft| draft.status() == Status::Unchanged);
    for draft in unchanged {
        draft.items().for_each(|index| outcomes.done(index, Status::Unchanged, &draft.after));
    }
    R::settle(tx, &mut written).await?;

    let (mut records, mut bytes) = (vec![], 0);
    for draft in written {
        draft.items().for_each(|index| outcomes.done(index, draft.status(), &draft.after));
        let change = draft.change()?;
        bytes += change.size();
        records.push(change);
        if records.len() == AT_ONCE || bytes >= AT_ONCE_BYTES {
            tx.record_all(&records).await?;
            (records, bytes) = (vec![], 0);
        }
    }
    tx.record_all(&records).await
}
