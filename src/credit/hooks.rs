//! What happens to credit when something happens elsewhere. The app wires this once, before it
//! serves.

use customers::hooks::Move;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Result, Tx};
use uuid::Uuid;

use crate::{check, credit_investigation, credit_override, open_item, terms_request};

/// A hook of customers: what the loser owes is owed by the winner, and what was found out about it
/// is known of the winner, and who answers for it answers for the winner. The winner's limit and hold
/// stay as they are.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    async move {
        check::lock(tx, &[rows.to.id, rows.from.id]).await?;
        open_item::moved(tx, rows).await?;
        let investigations = credit_investigation::follow(tx, rows).await?;
        let requests = terms_request::follow(tx, rows).await?;
        let overrides = credit_override::follow(tx, rows).await?;
        Ok([investigations, requests, overrides].concat())
    }
    .boxed_local()
}
