//! Hooks that keep credit in sync with other areas. The app registers them once, before it serves
//! requests.

use customers::hooks::Move;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Result, Tx};
use uuid::Uuid;

pub use crate::customer_credit::uses_currency;
use crate::{check, credit_investigation, credit_override, open_item, terms_request};

/// Moves open items, investigations, pending terms requests and overrides of a merged customer to
/// the remaining one, whose own limit and hold stay unchanged. A hook of customers.
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
