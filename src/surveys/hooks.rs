//! Hooks for merged customers and for changes of the company's calendar.

use company::{Calendar, Company};
use customers::hooks::Move;
use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

use crate::{invitation, response, survey};

/// Hook of customers: moves the loser's invitations and responses to the winner.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    Box::pin(async move {
        let invitations = invitation::follow(tx, rows).await?;
        Ok([invitations, response::follow(tx, rows).await?].concat())
    })
}

/// Hook of the company: recomputes the due days that count working days.
pub fn calendar_changed(tx: &mut Tx) -> LocalBoxFuture<'_, Result<()>> {
    Box::pin(async move {
        let company = Company::load(tx.conn()).await?;
        let calendar = Calendar::load(tx.conn()).await?;
        survey::follow_calendar(tx, &company, &calendar).await?;
        response::follow_calendar(tx, &company, &calendar).await
    })
}
