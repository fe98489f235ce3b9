//! Resolution of references to customers. A reference to a merged customer resolves to the winner,
//! through chains of merges. Visibility is checked on the winner, not on the referenced customer.

use std::collections::HashMap;

use access::Caller;
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use intake::reference::{BoxFuture, Found, Known, Wanted};
use platform::{Conn, Error, Result, Tx};
use schema::customers;
use uuid::Uuid;

use super::Customer;

/// Resolves references to customers that the caller sees.
pub fn find_customers<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(look_up(conn, Some(caller), wanted))
}

/// Resolves references to customers whether or not the caller sees them: for figures whose
/// visibility is decided by their own rows.
pub fn find_any_customers<'a>(
    conn: &'a mut Conn,
    _: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(look_up(conn, None, wanted))
}

intake::names! {
    /// The names of visible customers.
    name_customers in customers, sees Customer, code, name
}

intake::find! {
    /// Resolves references without following merges: for operations on the merged customer itself.
    find_unfollowed in customers, sees Customer
}

async fn look_up(conn: &mut Conn, caller: Option<&Caller>, wanted: &Wanted) -> Result<Found> {
    type Row = (Known, Option<Uuid>);
    let rows = || {
        use customers::{external_id, id, merged_into_id, source_system, version};
        let rows = customers::table.into_boxed();
        let rows = match caller {
            Some(caller) => rows.filter(caller.sees::<Customer>().or(merged_into_id.is_not_null())),
            None => rows,
        };
        rows.select(((id, version, source_system, external_id), merged_into_id))
    };

    let mut found: Vec<Row> = vec![];
    if !wanted.ids.is_empty() {
        found.extend(rows().filter(customers::id.eq_any(&wanted.ids)).load(conn).await?);
    }
    if !wanted.external.is_empty() {
        let (systems, ids) = wanted.columns();
        let named = rows().filter(customers::source_system.eq_any(systems));
        found.extend(named.filter(customers::external_id.eq_any(ids)).load::<Row>(conn).await?);
    }

    let (merged, open): (Vec<Row>, Vec<Row>) = found.into_iter().partition(|row| row.1.is_some());
    let mut found = Found::default();
    found.extend(open.into_iter().map(|row| row.0));
    if merged.is_empty() {
        return Ok(found);
    }

    let winners = winners(conn, merged.iter().map(|row| row.0.0)).await?;
    let rows = customers::table.filter(customers::id.eq_any(winners.values())).into_boxed();
    let rows = match caller {
        Some(caller) => rows.filter(caller.sees::<Customer>()),
        None => rows,
    };
    let rows = rows.select((customers::id, customers::version));
    let versions: HashMap<Uuid, i64> = rows.load(conn).await?.into_iter().collect();
    for (row, _) in merged {
        let winner = winners.get(&row.0);
        if let Some((id, version)) = winner.and_then(|id| versions.get_key_value(id)) {
            found.merged(row, (*id, *version));
        }
    }
    Ok(found)
}

#[derive(QueryableByName)]
struct End {
    #[diesel(sql_type = SqlUuid)]
    start: Uuid,
    #[diesel(sql_type = SqlUuid)]
    winner: Uuid,
}

const WINNERS: &str = "
    with recursive chain as (
        select id as start, id, merged_into_id from customers where id = any($1)
        union all
        select chain.start, next.id, next.merged_into_id
        from chain join customers next on next.id = chain.merged_into_id
    )
    select start, id as winner from chain where merged_into_id is null";

/// Returns the final winner for each of these customers: the customer itself if it was never
/// merged.
async fn winners(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let query = diesel::sql_query(WINNERS).bind::<Array<SqlUuid>, _>(ids);
    let rows: Vec<End> = query.load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.start, row.winner)).collect())
}

/// Returns the visible winners of those of these customers that were merged, locked until the end
/// of the transaction.
pub(super) async fn locked_winners(
    tx: &mut Tx,
    caller: &Caller,
    rows: &[Customer],
) -> Result<HashMap<Uuid, Customer>> {
    let merged = rows.iter().filter(|customer| customer.merged_into_id.is_some());
    let merged: Vec<Uuid> = merged.map(|customer| customer.id).collect();
    if merged.is_empty() {
        return Ok(HashMap::new());
    }

    let winners = winners(tx.conn(), merged).await?;
    let open = customers::table.filter(caller.sees::<Customer>());
    let open = open.filter(customers::id.eq_any(winners.values())).order(customers::id);
    let open: Vec<Customer> =
        open.select(Customer::as_select()).for_update().load(tx.conn()).await?;
    if open.iter().any(|customer| customer.merged_into_id.is_some()) {
        // A winner was merged before it could be locked. A retry finds the next winner.
        return Err(Error::unavailable("busy"));
    }
    let open: HashMap<Uuid, Customer> =
        open.into_iter().map(|customer| (customer.id, customer)).collect();
    Ok(winners.into_iter().filter_map(|(id, end)| Some((id, open.get(&end)?.clone()))).collect())
}

/// A subquery with every merged customer and its final winner, as `(start, winner)`: for SQL that
/// sums up rows that stay with the merged customer.
pub const MERGED: &str = "(
    with recursive chain as (
        select id as start, id, merged_into_id from customers where merged_into_id is not null
        union all
        select chain.start, next.id, next.merged_into_id
        from chain join customers next on next.id = chain.merged_into_id
    )
    select start, id as winner from chain where merged_into_id is null)";

/// Returns the ids of all customers that were merged into this one, and its own id. Without a
/// visibility check.
pub async fn merged_into(conn: &mut Conn, id: Uuid) -> Result<Vec<Uuid>> {
    let query = format!("select start, winner from {MERGED} as merged where winner = $1");
    let rows = diesel::sql_query(query).bind::<SqlUuid, _>(id);
    let rows: Vec<End> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|row| row.start).chain([id]).collect())
}
