//! What happens to what is owed when something happens elsewhere, and the jobs. The app wires this
//! once, before it serves.

use credit::open_item::{self, OpenKind};
use customers::hooks::Move;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Result, Tx};
use uuid::Uuid;

use crate::invoice::Difference;
use crate::{collection_task, invoice, payment, promise, risk_case, write_off};

/// A hook of customers: what the loser owes the winner owes from now on. What the books of an ERP say
/// of the loser stays its own, and counts for the winner.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    async move {
        let mut moved = invoice::follow(tx, rows).await?;
        moved.extend(payment::follow(tx, rows).await?);
        moved.extend(collection_task::follow(tx, rows).await?);
        moved.extend(promise::follow(tx, rows).await?);
        moved.extend(risk_case::follow(tx, rows).await?);
        moved.extend(write_off::follow(tx, rows).await?);
        Ok(moved)
    }
    .boxed_local()
}

/// A job: computes anew what is open of everything. What differs from what is kept is a fault of
/// ours: it is counted by a metric and written to the log, never put right without a word.
pub fn check_amounts(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    async move {
        payment::keep_due(tx).await?;
        let mut count = 0;
        for (kind, found) in [
            ("invoice", invoice::differences(tx.conn()).await?),
            ("payment", payment::differences(tx.conn()).await?),
        ] {
            let differences = u32::try_from(found.len()).unwrap_or(u32::MAX);
            metrics::gauge!("receivables_differences", "type" => kind).set(differences);
            for Difference { id, number, kept, computed } in found.iter().take(100) {
                tracing::error!(kind, %id, number, %kept, %computed, "an open amount is wrong");
            }
            count += found.len() as u64;
        }
        for (kind, documents) in [
            (OpenKind::Invoice, invoice::OPEN_DOCUMENTS),
            (OpenKind::Receipt, payment::OPEN_DOCUMENTS),
        ] {
            let found = open_item::differences(tx, kind, documents).await?;
            let differences = u32::try_from(found.len()).unwrap_or(u32::MAX);
            metrics::gauge!("open_items_differences", "type" => kind.as_str()).set(differences);
            for id in found.iter().take(100) {
                tracing::error!(kind = kind.as_str(), %id, "what counts for the credit is wrong");
            }
            count += found.len() as u64;
        }
        Ok(count)
    }
    .boxed_local()
}

/// A job: knows post-dated money whose day has come, makes the tasks that are due, ends those that
/// need nobody any more, and judges promises.
pub fn collect(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    async move {
        payment::keep_due(tx).await?;
        let tasks = collection_task::make_due(tx).await?;
        Ok(tasks + promise::judge(tx).await?)
    }
    .boxed_local()
}
