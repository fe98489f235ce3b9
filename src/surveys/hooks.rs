//! What happens to surveys when something happens to customers, or to the company's calendar.

use company::{Calendar, Company};
use customers::hooks::Move;
use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

use crate::{invitation, response, survey};

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

/// A hook of the company: due days that count working days follow other holidays or working hours.
pub fn calendar_changed(tx: &mut Tx) -> LocalBoxFuture<'_, Result<()>> {
    Box::pin(async move {
        let company = Company::load(tx.conn()).await?;
        let calendar = Calendar::load(tx.conn()).await?;
        survey::follow_calendar(tx, &company, &calendar).await?;
        response::follow_calendar(tx, &company, &calendar).await
    })
}
