//! The sales ledger, 销售台账: one entry per order line and credited person, with the category,
//! region and team as they were at the time. The ledger is append-only: later changes add entries,
//! so that every figure of the past can be reproduced.

use std::collections::{HashMap, HashSet};

use ::customers::hooks::Move;
use company::Company;
use company::exchange_rate::converted;
use customers::customer::regions;
use diesel::dsl::{exists, sum};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Date as SqlDate, Integer, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use platform::money::{minor_digits, split};
use platform::{Conn, Date, Money, Number, Result, Tx};
use products::product::{self, Product};
use rust_decimal::Decimal;
use schema::sales_entries;
use uuid::Uuid;

use crate::order::Order;

struct SalesEntry {
    order_id: Uuid,
    line_number: i32,
    user_id: Option<Uuid>,
    team_path: Vec<Uuid>,
    product_id: Option<Uuid>,
    category: Option<String>,
    customer_id: Uuid,
    territory_id: Option<Uuid>,
    channel: Option<String>,
    region: Option<String>,
    booked_on: Date,
    quantity: Number,
    amount: Money,
    line_amount: Money,
    cost: Option<Money>,
}

/// Data that entries need in addition to the order.
struct Facts {
    products: HashMap<Uuid, Product>,
    regions: HashMap<Uuid, Option<String>>,
    paths: HashMap<(Uuid, Date), Vec<Uuid>>,
    /// Decimal places of the company's currency, in which the ledger is kept
    digits: u32,
}

/// Returns which of these products were ever sold to which of these customers. Orders that were
/// reversed do not count.
pub async fn sold(
    conn: &mut Conn,
    customers: &[Uuid],
    products: &[Uuid],
) -> Result<HashSet<(Uuid, Uuid)>> {
    let product = sales_entries::product_id.assume_not_null();
    let pairs = sales_entries::table
        .filter(sales_entries::customer_id.eq_any(customers))
        .filter(product.eq_any(products))
        .group_by((sales_entries::customer_id, sales_entries::product_id, sales_entries::order_id))
        .having(sum(sales_entries::quantity).gt(Number(Decimal::ZERO)))
        .select((sales_entries::customer_id, sales_entries::product_id));
    let pairs: Vec<(Uuid, Option<Uuid>)> = pairs.load(conn).await?;
    Ok(pairs.into_iter().filter_map(|(customer, product)| Some((customer, product?))).collect())
}

/// Returns `true` if an order of this customer was ever recognised.
pub(crate) async fn ever_bought(conn: &mut Conn, customer: Uuid) -> Result<bool> {
    let entries = sales_entries::table.filter(sales_entries::customer_id.eq(customer));
    Ok(diesel::select(exists(entries)).get_result(conn).await?)
}

/// Recognises confirmed orders on their `order_date`.
pub(crate) async fn book(tx: &mut Tx, orders: &[&Order]) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let lines = orders.iter().flat_map(|order| order.lines.iter());
    let wanted: HashSet<Uuid> = lines.filter_map(|line| line.product_id).collect();
    let customers: HashSet<Uuid> = orders.iter().map(|order| order.customer_id).collect();
    let people = orders
        .iter()
        .flat_map(|order| order.credits.iter().map(|credit| (credit.user_id, order.order_date)));
    let people: HashSet<(Uuid, Date)> = people.collect();

    let facts = Facts {
        products: product::load(tx.conn(), wanted).await?,
        regions: regions(tx.conn(), customers).await?,
        paths: auth::team_paths(tx.conn(), &people.into_iter().collect::<Vec<_>>()).await?,
        digits: minor_digits(&Company::load(tx.conn()).await?.currency),
    };

    let entries: Vec<SalesEntry> = orders.iter().flat_map(|order| entries(order, &facts)).collect();
    let path = |entry: &SalesEntry| {
        let ids: Vec<String> = entry.team_path.iter().map(Uuid::to_string).collect();
        format!("{{{}}}", ids.join(","))
    };

    diesel::sql_query(BOOK)
        .bind::<Timestamptz, _>(tx.now)
        .bind::<Array<SqlUuid>, _>(column(&entries, |entry| entry.order_id))
        .bind::<Array<Integer>, _>(column(&entries, |entry| entry.line_number))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(&entries, |entry| entry.user_id))
        .bind::<Array<Text>, _>(column(&entries, path))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(&entries, |entry| entry.product_id))
        .bind::<Array<Nullable<Text>>, _>(column(&entries, |entry| entry.category.as_deref()))
        .bind::<Array<SqlUuid>, _>(column(&entries, |entry| entry.customer_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(&entries, |entry| entry.territory_id))
        .bind::<Array<Nullable<Text>>, _>(column(&entries, |entry| entry.channel.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(&entries, |entry| entry.region.as_deref()))
        .bind::<Array<SqlDate>, _>(column(&entries, |entry| entry.booked_on))
        .bind::<Array<Numeric>, _>(column(&entries, |entry| entry.quantity))
        .bind::<Array<Numeric>, _>(column(&entries, |entry| entry.amount))
        .bind::<Array<Numeric>, _>(column(&entries, |entry| entry.line_amount))
        .bind::<Array<Nullable<Numeric>>, _>(column(&entries, |entry| entry.cost))
        .execute(tx.conn())
        .await?;
    Ok(())
}

fn column<'a, T>(entries: &'a [SalesEntry], of: impl Fn(&'a SalesEntry) -> T) -> Vec<T> {
    entries.iter().map(of).collect()
}

/// One array parameter per column rather than one per value: a batch of orders takes a sixth less
/// time. Arrays of arrays must all have the same length, so that paths are passed as text.
const BOOK: &str = "
    insert into sales_entries (kind, recorded_at, order_id, line_number, user_id, team_path,
        product_id, category, customer_id, territory_id, channel, region, booked_on, quantity,
        amount, line_amount, cost)
    select 'booked', $1, order_id, line_number, user_id, team_path::uuid[], product_id, category,
        customer_id, territory_id, channel, region, booked_on, quantity, amount, line_amount, cost
    from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) as it (order_id,
        line_number, user_id, team_path, product_id, category, customer_id, territory_id, channel,
        region, booked_on, quantity, amount, line_amount, cost)";

/// Returns the entries of an order, one per line and credited person. The amounts are split so that
/// a person's lines add up to the person's share of the order, and the shares to the order.
fn entries(order: &Order, facts: &Facts) -> Vec<SalesEntry> {
    let digits = facts.digits;
    let shares: Vec<(Option<Uuid>, Decimal)> = match order.credits.as_slice() {
        [] => vec![(None, Decimal::ONE_HUNDRED)],
        credits => {
            credits.iter().map(|credit| (Some(credit.user_id), credit.share_percent.0)).collect()
        }
    };
    let weights: Vec<Decimal> = shares.iter().map(|share| share.1).collect();

    let of_order = split(converted(order.amount, order.exchange_rate).0, &weights, digits);
    let of_lines: Vec<Vec<Decimal>> = order
        .lines
        .iter()
        .map(|line| split(converted(line.amount, order.exchange_rate).0, &weights, digits))
        .collect();
    let quantities: Vec<Vec<Decimal>> =
        order.lines.iter().map(|line| split(line.quantity.0, &weights, 6)).collect();

    // The rounding difference between the order and its lines goes to the largest line.
    let largest = (0..order.lines.len()).max_by_key(|at| order.lines[*at].amount.0.abs());
    let mut entries = vec![];
    for (person, (user_id, _)) in shares.into_iter().enumerate() {
        let sum: Decimal = of_lines.iter().map(|parts| parts[person]).sum();
        for (at, line) in order.lines.iter().enumerate() {
            let product = line.product_id.and_then(|id| facts.products.get(&id));
            let line_amount = of_lines[at][person];
            let rest = if Some(at) == largest { of_order[person] - sum } else { Decimal::ZERO };
            let quantity = quantities[at][person];
            let cost =
                product.and_then(|product| product.standard_cost).map(|cost| cost.0 * quantity);
            let path = user_id.and_then(|user| facts.paths.get(&(user, order.order_date)));

            entries.push(SalesEntry {
                order_id: order.id,
                line_number: line.line_number,
                user_id,
                team_path: path.cloned().unwrap_or_default(),
                product_id: line.product_id,
                category: product.and_then(|product| product.category.clone()),
                customer_id: order.customer_id,
                territory_id: order.territory_id,
                channel: order.channel.clone(),
                region: facts.regions.get(&order.customer_id).cloned().flatten(),
                booked_on: order.order_date,
                quantity: Number(quantity),
                amount: Money(line_amount + rest),
                line_amount: Money(line_amount),
                cost: cost.map(|cost| Money(cost.round_dp(6))),
            });
        }
    }

    entries
}

/// Reverses the recognised sales of these orders, on the given day or on the days on which they
/// were booked.
pub(crate) async fn reverse(tx: &mut Tx, orders: &[(Uuid, Option<Date>)]) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let (ids, days): (Vec<Uuid>, Vec<Option<Date>>) = orders.iter().copied().unzip();
    let now = tx.now;
    diesel::sql_query(REVERSE)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Nullable<SqlDate>>, _>(days)
        .bind::<Timestamptz, _>(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Inserts the balance of each line and person with the opposite sign. Raw SQL, because diesel
/// cannot insert from such a select.
const REVERSE: &str = "
    insert into sales_entries (order_id, line_number, kind, user_id, team_path, product_id,
        category, customer_id, territory_id, channel, region, booked_on, recorded_at, quantity,
        amount, line_amount, cost)
    select order_id, line_number, 'reversed', user_id, team_path, product_id, category,
        customer_id, territory_id, channel, region, coalesce(it.day, booked_on), $3,
        -sum(quantity), -sum(amount), -sum(line_amount), -sum(cost)
    from unnest($1, $2) as it (id, day) join sales_entries on order_id = it.id
    group by order_id, line_number, user_id, team_path, product_id, category, customer_id,
        territory_id, channel, region, it.day, booked_on
    having sum(quantity) <> 0 or sum(amount) <> 0 or sum(line_amount) <> 0";

/// Moves the sales of a merged customer to the winner, or back when the merge is undone. Entries may
/// change here, because the two records were one customer all along.
pub(crate) async fn follow(tx: &mut Tx, rows: &Move<'_>) -> Result<()> {
    let entries = sales_entries::table.filter(sales_entries::customer_id.eq(rows.from.id));
    let set = sales_entries::customer_id.eq(rows.to.id);
    match rows.only() {
        None => diesel::update(entries).set(set).execute(tx.conn()).await?,
        Some(orders) => {
            let entries = entries.filter(sales_entries::order_id.eq_any(orders));
            diesel::update(entries).set(set).execute(tx.conn()).await?
        }
    };
    Ok(())
}

/// Fills in the team path of people who had no team when their sales were recognised.
pub(crate) async fn fill_paths(tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    let open = sales_entries::table
        .filter(sales_entries::user_id.eq_any(people).assume_not_null())
        .filter(sales_entries::team_path.eq(Vec::<Uuid>::new()))
        .select((
            sales_entries::id,
            sales_entries::user_id.assume_not_null(),
            sales_entries::booked_on,
        ));
    let open: Vec<(i64, Uuid, Date)> = open.load(tx.conn()).await?;

    let wanted: HashSet<(Uuid, Date)> = open.iter().map(|entry| (entry.1, entry.2)).collect();
    let paths = auth::team_paths(tx.conn(), &wanted.into_iter().collect::<Vec<_>>()).await?;
    let mut by_path: HashMap<&Vec<Uuid>, Vec<i64>> = HashMap::new();
    for (id, user, day) in open {
        if let Some(path) = paths.get(&(user, day)) {
            by_path.entry(path).or_default().push(id);
        }
    }

    for (path, ids) in by_path {
        diesel::sql_query("update sales_entries set team_path = $1 where id = any($2)")
            .bind::<Array<SqlUuid>, _>(path)
            .bind::<Array<BigInt>, _>(ids)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}
