//! Allocations, 核销: a payment, credit note or write-off reduces an invoice from a day on.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Date as SqlDate, Nullable, Numeric, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Conn, Date, Money, Result, Tx};
use schema::allocations;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::invoice::Invoice;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, HasQuery, Insertable)]
#[diesel(table_name = allocations, treat_none_as_default_value = false)]
pub(crate) struct Row {
    pub id: Uuid,
    pub invoice_id: Uuid,
    pub payment_id: Option<Uuid>,
    pub credit_note_id: Option<Uuid>,
    pub write_off_id: Option<Uuid>,
    pub amount: Money,
    pub allocated_on: Date,
    pub reversed_on: Option<Date>,
}

/// The allocation of an amount to an invoice, 核销
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Allocation {
    pub id: Uuid,
    pub invoice_id: Uuid,
    pub amount: Money,
    /// The day from which the allocation reduces the invoice
    pub allocated_on: Date,
    /// The day on which it was reversed; null while it is active
    pub reversed_on: Option<Date>,
}

impl Allocation {
    pub fn new(invoice_id: Uuid, amount: Money, allocated_on: Date) -> Self {
        Self { id: Uuid::now_v7(), invoice_id, amount, allocated_on, reversed_on: None }
    }

    pub(crate) fn of_payment(&self, payment: Uuid) -> Row {
        Row { payment_id: Some(payment), ..self.row() }
    }

    pub(crate) fn of_credit_note(&self, credit_note: Uuid) -> Row {
        Row { credit_note_id: Some(credit_note), ..self.row() }
    }

    pub(crate) fn of_write_off(&self, write_off: Uuid) -> Row {
        Row { write_off_id: Some(write_off), ..self.row() }
    }

    fn row(&self) -> Row {
        Row {
            id: self.id,
            invoice_id: self.invoice_id,
            payment_id: None,
            credit_note_id: None,
            write_off_id: None,
            amount: self.amount,
            allocated_on: self.allocated_on,
            reversed_on: self.reversed_on,
        }
    }
}

/// The total of all allocations of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, QueryableByName)]
pub(crate) struct Applied {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The sum without reversed allocations
    #[diesel(sql_type = Numeric)]
    pub amount: Money,
    /// The latest day on which one of them was made or reversed
    #[diesel(sql_type = Nullable<SqlDate>)]
    pub last_on: Option<Date>,
}

/// The document by which allocations are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentKey {
    Invoice,
    CreditNote,
}

impl DocumentKey {
    fn column(self) -> &'static str {
        match self {
            Self::Invoice => "invoice_id",
            Self::CreditNote => "credit_note_id",
        }
    }
}

/// Returns the totals of what was allocated to these invoices, or from these credit notes.
pub(crate) async fn applied(
    conn: &mut Conn,
    by: DocumentKey,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Applied>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let column = by.column();
    let query = format!(
        "select {column} as id,
            coalesce(sum(amount) filter (where reversed_on is null), 0) as amount,
            max(greatest(allocated_on, reversed_on)) as last_on
        from allocations where {column} = any($1) group by {column}"
    );
    let rows = diesel::sql_query(query).bind::<Array<SqlUuid>, _>(ids);
    let rows: Vec<Applied> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Returns the active allocations of these invoices, without reversed ones.
pub(crate) async fn active_on(conn: &mut Conn, invoices: &[Uuid]) -> Result<Vec<Row>> {
    let query = Row::query().filter(allocations::invoice_id.eq_any(invoices));
    let query = query.filter(allocations::reversed_on.is_null()).order(allocations::id);
    Ok(query.load(conn).await?)
}

/// Returns the sum of the write-offs of an invoice and of those of its customer after a day, in the
/// company's currency.
pub(crate) async fn written_off(conn: &mut Conn, of: &Invoice, after: Date) -> Result<Money> {
    let sum = diesel::sql_query(
        "select i.customer_id as id, round(sum(a.amount * i.exchange_rate), 6) as amount,
            max(a.allocated_on) as last_on
        from allocations a join invoices i on i.id = a.invoice_id
        where i.customer_id = $1 and a.write_off_id is not null and a.reversed_on is null
            and (i.id = $2 or a.allocated_on > $3)
        group by i.customer_id",
    );
    let sum = sum.bind::<SqlUuid, _>(of.customer_id).bind::<SqlUuid, _>(of.id);
    let sum: Option<Applied> = sum.bind::<SqlDate, _>(after).get_result(conn).await.optional()?;
    Ok(sum.map_or(Money::ZERO, |sum| sum.amount))
}

pub(crate) async fn insert(tx: &mut Tx, rows: &[Row]) -> Result<()> {
    // A statement takes 65,535 parameters, and each of these rows has 8.
    for rows in rows.chunks(5000) {
        diesel::insert_into(allocations::table).values(rows).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Replaces all allocations of these payments, because an ERP corrects them as a whole.
pub(crate) async fn rewrite(tx: &mut Tx, payments: &[Uuid], rows: &[Row]) -> Result<()> {
    let known = allocations::payment_id.eq_any(payments).assume_not_null();
    diesel::delete(allocations::table.filter(known)).execute(tx.conn()).await?;
    insert(tx, rows).await
}

/// Shortens allocations of credit notes where all allocations together exceed the invoice, and
/// returns the credit notes to settle again. Payments from an ERP take precedence over credit notes
/// that this service allocated, so that the order in which the ERP sends them does not matter.
pub(crate) async fn make_room(tx: &mut Tx, invoices: &[Uuid]) -> Result<Vec<Uuid>> {
    let over = diesel::sql_query(
        "select i.id, sum(a.amount) - i.total_amount as amount, max(a.allocated_on) as last_on
        from allocations a join invoices i on i.id = a.invoice_id
        where i.id = any($1) and a.reversed_on is null
        group by i.id having sum(a.amount) > i.total_amount",
    );
    let over: Vec<Applied> = over.bind::<Array<SqlUuid>, _>(invoices).load(tx.conn()).await?;
    let ids: Vec<Uuid> = over.iter().map(|applied| applied.id).collect();
    let rows = if ids.is_empty() { vec![] } else { active_on(tx.conn(), &ids).await? };

    let mut notes = vec![];
    for Applied { id, amount: mut left, .. } in over {
        // The latest allocation is shortened first.
        let used = rows.iter().rev().filter(|row| row.invoice_id == id);
        for (row, note) in used.filter_map(|row| Some((row, row.credit_note_id?))) {
            let less = row.amount.min(left);
            left.0 -= less.0;
            let row_of = allocations::table.find(row.id);
            if less == row.amount {
                diesel::delete(row_of).execute(tx.conn()).await?;
            } else if less > Money::ZERO {
                let rest = allocations::amount.eq(Money(row.amount.0 - less.0));
                diesel::update(row_of).set(rest).execute(tx.conn()).await?;
            }
            notes.push(note);
        }
    }
    Ok(notes)
}

/// Reverses these allocations on a day, or on their own day if that is later.
pub(crate) async fn take_back(tx: &mut Tx, ids: &[Uuid], on: Date) -> Result<()> {
    diesel::sql_query(
        "update allocations set reversed_on = greatest($2, allocated_on)
        where id = any($1) and reversed_on is null",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<SqlDate, _>(on)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reverses all allocations of a credit note, and returns the invoices that they reduced.
pub(crate) async fn release(tx: &mut Tx, credit_note: Uuid, on: Date) -> Result<Vec<Uuid>> {
    let used = allocations::credit_note_id.eq(credit_note).assume_not_null();
    let used = Row::query().filter(used.and(allocations::reversed_on.is_null()));
    let used: Vec<Row> = used.load(tx.conn()).await?;
    take_back(tx, &used.iter().map(|row| row.id).collect::<Vec<_>>(), on).await?;
    Ok(used.into_iter().map(|row| row.invoice_id).collect())
}
