//! Hooks that keep receivables in sync with other areas, and the jobs. The app registers them once,
//! before it serves requests.

use credit::open_item::{self, OpenKind};
use customers::hooks::Move;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Result, Tx};
use uuid::Uuid;

use crate::invoice::Difference;
use crate::{collection_task, invoice, payment, promise, risk_case, write_off};

/// Moves all receivables of a merged customer to the remaining one. A hook of customers. Control
/// balances stay with the merged customer, whose account the ERP still keeps, and are added to
/// those of the remaining one when they are read.
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

/// Recomputes all open amounts and compares them with the stored ones. A job. A difference is a bug
/// of this service: it is counted by a metric and logged, and never corrected silently.
pub fn check_amounts(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    async move {
        // A post-dated payment whose day has come is not a difference.
        payment::keep_due(tx).await?;

        let mut count = 0;
        for (kind, found) in [
            ("invoice", invoice::differences(tx.conn()).await?),
            ("payment", payment::differences(tx.conn()).await?),
        ] {
            let differences = u32::try_from(found.len()).unwrap_or(u32::MAX);
            metrics::gauge!("receivables_differences", "type" => kind).set(differences);
            for Difference { id, number, kept, computed } in found.iter().take(100) {
                tracing::error!(kind, %id, number, %kept, %computed, "stored open amount is wrong");
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
                tracing::error!(kind = kind.as_str(), %id, "open item differs from its document");
            }
            count += found.len() as u64;
        }
        Ok(count)
    }
    .boxed_local()
}

/// Counts post-dated payments whose day has come, creates the collection tasks that are due, closes
/// those that have become pointless, and decides which promises were kept. A job.
pub fn collect(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    async move {
        payment::keep_due(tx).await?;
        let tasks = collection_task::make_due(tx).await?;
        Ok(tasks + promise::judge(tx).await?)
    }
    .boxed_local()
}
