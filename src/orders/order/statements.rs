//! Writing of orders and their lines to their tables, and the numbers of orders.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Numeric, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::upsert::all_but;
use platform::{Error, Result, Tx, fixed_sql};
use schema::{order_lines, orders};
use uuid::Uuid;

use super::db::refused;
use super::{Order, OrderLine};

/// Inserts new rows and updates known ones in one statement, told apart by their ids.
pub(super) async fn upsert(tx: &mut Tx, rows: &[&Order]) -> Result<()> {
    diesel::insert_into(orders::table)
        .values(rows.to_vec())
        .on_conflict(orders::id)
        .do_update()
        .set(all_but::<orders::table>(&["id", "created_at", "taken_here"]))
        .execute(tx.conn())
        .await
        .map_err(refused)?;
    Ok(())
}

pub(super) async fn write_lines(tx: &mut Tx, orders: &[&Order]) -> Result<()> {
    let lines: Vec<(Uuid, &OrderLine)> =
        orders.iter().flat_map(|order| order.lines.iter().map(|line| (order.id, line))).collect();
    diesel::sql_query(WRITE_LINES)
        .bind::<Array<SqlUuid>, _>(column(&lines, |line| line.0))
        .bind::<Array<Integer>, _>(column(&lines, |line| line.1.line_number))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(&lines, |line| line.1.product_id))
        .bind::<Array<Nullable<Text>>, _>(column(&lines, |line| line.1.description.as_deref()))
        .bind::<Array<Numeric>, _>(column(&lines, |line| line.1.quantity))
        .bind::<Array<Numeric>, _>(column(&lines, |line| line.1.unit_price))
        .bind::<Array<Numeric>, _>(column(&lines, |line| line.1.discount_percent))
        .bind::<Array<Numeric>, _>(column(&lines, |line| line.1.amount))
        .execute(tx.conn())
        .await
        .map_err(refused)?;
    Ok(())
}

fn column<'a, T>(
    lines: &'a [(Uuid, &OrderLine)],
    of: impl Fn(&'a (Uuid, &OrderLine)) -> T,
) -> Vec<T> {
    lines.iter().map(of).collect()
}

/// One array parameter per column, as in the sales ledger.
const WRITE_LINES: &str = "
    insert into order_lines (order_id, line_number, product_id, description, quantity, unit_price,
        discount_percent, amount)
    select * from unnest($1, $2, $3, $4, $5, $6, $7, $8)";

pub(super) async fn delete_lines(tx: &mut Tx, orders: &[Uuid]) -> Result<()> {
    let lines = order_lines::table.filter(order_lines::order_id.eq_any(orders));
    diesel::delete(lines).execute(tx.conn()).await?;
    Ok(())
}

/// Returns the next order number, such as `SO-2026-000123`. Gaps are allowed.
pub(super) async fn next_number(tx: &mut Tx) -> Result<String> {
    let next = fixed_sql::<BigInt>("nextval('orders_number_seq')");
    let number = diesel::select(next).get_result(tx.conn()).await?;
    Ok(named(number, tx))
}

/// Returns the next `count` order numbers.
pub(super) async fn next_numbers(tx: &mut Tx, count: usize) -> Result<Vec<String>> {
    if count == 0 {
        return Ok(vec![]);
    }
    let next = sql::<BigInt>("nextval('orders_number_seq') from generate_series(1, ")
        .bind::<BigInt, _>(i64::try_from(count).map_err(Error::internal)?)
        .sql(")");
    let numbers: Vec<i64> = diesel::select(next).load(tx.conn()).await?;
    Ok(numbers.into_iter().map(|number| named(number, tx)).collect())
}

fn named(number: i64, tx: &Tx) -> String {
    format!("SO-{}-{number:06}", tx.today.0.year())
}
