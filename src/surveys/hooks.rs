//! What happens to surveys when something happens to customers.

use customers::hooks::Move;
use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

use crate::{invitation, response};

/// A hook of customers: what the loser was asked and what it answered is the winner's from now on.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    Box::pin(async move {
        let invitations = invitation::follow(tx, rows).await?;
        Ok([invitations, response::follow(tx, rows).await?].concat())
    })
}
