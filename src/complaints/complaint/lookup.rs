//! Lookups of complaints by their id for other modules.

use auth::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Conn, Result};
use schema::complaints;
use uuid::Uuid;

use super::Complaint;

auth::names! {
    /// Names of the complaints visible to the caller.
    name_complaints in complaints, sees Complaint, number
}

auth::find! {
    /// Lookup of references to complaints visible to the caller.
    find_complaints in complaints, sees Complaint
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
