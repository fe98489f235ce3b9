//! What happens to surveys when something happens to customers.

use customers::customer::Customer;
use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};

use crate::{invitation, response};

/// A hook of customers: what the loser was asked and what it answered is the winner's from now on.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    winner: &'a Customer,
    loser: &'a Customer,
) -> LocalBoxFuture<'a, Result<()>> {
    Box::pin(async move {
        invitation::follow(tx, winner, loser).await?;
        response::follow(tx, winner, loser).await
    })
}
