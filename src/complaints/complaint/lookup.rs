//! Lookups of complaints for other modules, and of assets for complaints.

use std::collections::HashSet;

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::{BoxFuture, FutureExt, LocalBoxFuture};
use intake::reference::{Found, Wanted};
use platform::{Conn, Result, Tx};
use schema::complaints;
use uuid::Uuid;

use super::Complaint;
use crate::suggestion;

intake::names! {
    /// Names of the complaints visible to the caller.
    name_complaints in complaints, sees Complaint, number
}

intake::find! {
    /// Lookup of references to complaints visible to the caller.
    find_complaints in complaints, sees Complaint
}

/// Lookup of references to assets. The service has no assets yet, so it finds nothing.
pub(super) fn find_assets<'a>(
    _: &'a mut Conn,
    _: &'a Caller,
    _: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async { Ok(Found::default()) })
}

/// Returns `true` if the caller sees this complaint. For the files attached to it.
pub fn is_visible<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    id: Uuid,
) -> LocalBoxFuture<'a, Result<bool>> {
    async move {
        let row =
            complaints::table.filter(caller.sees::<Complaint>()).filter(complaints::id.eq(id));
        let row: Option<Uuid> = row.select(complaints::id).first(conn).await.optional()?;
        Ok(row.is_some())
    }
    .boxed_local()
}

/// Returns those of the visits on which a complaint or a suggestion was recorded. A hook of visits.
pub fn complained_on<'a>(
    tx: &'a mut Tx,
    visits: &'a [Uuid],
) -> BoxFuture<'a, Result<HashSet<Uuid>>> {
    async move {
        let of_complaints = complaints::table.filter(complaints::visit_id.eq_any(visits));
        let of_complaints = of_complaints.select(complaints::visit_id.assume_not_null());
        let mut found: HashSet<Uuid> = of_complaints.load(tx.conn()).await?.into_iter().collect();
        found.extend(suggestion::recorded_on(tx.conn(), visits).await?);
        Ok(found)
    }
    .boxed()
}
