//! What happens to credit when something happens elsewhere. The app wires this once, before it
//! serves.

use customers::customer::Customer;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Result, Tx};

use crate::{check, credit_investigation, open_item, terms_request};

/// A hook of customers: what the loser owes is owed by the winner, and what was found out about it
/// is known of the winner. The winner's limit, hold and overrides stay as they are.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    winner: &'a Customer,
    loser: &'a Customer,
) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        check::lock(tx, &[winner.id, loser.id]).await?;
        open_item::moved(tx, winner.id, loser.id).await?;
        credit_investigation::follow(tx, winner.id, loser.id).await?;
        terms_request::follow(tx, winner.id, loser.id).await
    }
    .boxed_local()
}
