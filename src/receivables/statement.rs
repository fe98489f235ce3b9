//! Statement of account, 对账单: opening balance, movements and closing balance of a customer.

use std::collections::BTreeMap;

use access::{Caller, Can};
use actix_web::web;
use actix_web::web::Data;
use customers::customer::Customer;
use diesel::QueryableByName;
use diesel::sql_types::{Date as SqlDate, Nullable, Numeric, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{
    Clock, Conn, Date, Db, Error, Fault, Money, Path, Problems, Query, Result, Routes, text_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadInvoices;
use crate::control_balance;

/// Maximum number of movements in a statement.
const MOST: usize = 10_000;

text_enum! {
    /// The kind of a movement
    pub enum MovementKind {
        Invoice = "invoice",
        CreditNote = "credit_note",
        /// 作废
        Cancellation = "cancellation",
        Payment = "payment",
        /// The reversal of a payment
        Reversal = "reversal",
        /// 核销坏账
        WriteOff = "write_off",
    }
}

/// The statement of account of a customer, 对账单
#[derive(Debug, Serialize, ToSchema)]
pub struct Statement {
    pub customer_id: Uuid,
    /// The first day. The opening balance is that of the day before
    pub from: Date,
    /// The last day, inclusive
    pub as_of: Date,
    /// One account per currency
    pub accounts: Vec<Account>,
}

/// The account in one currency
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(remote = "Self")]
pub struct Account {
    #[schema(example = "CNY")]
    pub currency: String,
    pub opening_balance: Money,
    pub movements: Vec<Movement>,
    /// The balance at the end of `as_of`. Payments and credit notes count in full, allocated or not
    pub closing_balance: Money,
    /// The balance of `as_of` in the ERP's ledger; null if the ERP sent none for that day
    pub control_balance: Option<Money>,
    /// The closing balance minus the control balance
    pub reconciliation_difference: Option<Money>,
}

platform::in_currency! { Account: |account| Some(account.currency.as_str()) }

/// A movement of the account
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Movement {
    pub date: Date,
    #[schema(inline)]
    pub kind: MovementKind,
    /// The id of the invoice, credit note or payment
    pub id: Uuid,
    pub number: String,
    /// Set for invoices and credit notes
    pub due_date: Option<Date>,
    /// Positive amounts increase the balance owed
    pub amount: Money,
    /// The balance after this movement
    pub balance: Money,
}

/// The period of a statement.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// The last day. Default: today
    as_of: Option<Date>,
    /// The first day. Default: 1 January of the year of `as_of`
    from: Option<Date>,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, read_statement);
}

/// Statement of account of a customer
///
/// 对账单: the opening balance, the movements and the closing balance of the period, per currency.
/// Visible to users with the customer's owner in their scope, and to finance. A statement with more
/// than 10,000 movements is refused with 422 `too_many_rows`.
#[utoipa::path(
    get, path = "/customers/{id}/statement",
    params(StatementQuery),
    responses(
        (status = 200, description = "The statement", body = Statement),
        (status = 422, description = "`invalid`, `no_exchange_rate`"),
        Problems,
    ),
)]
async fn read_statement(
    caller: Can<ReadInvoices>,
    id: Path<Uuid>,
    query: Query<StatementQuery>,
    clock: Data<Clock>,
    db: Db,
) -> Result<web::Json<Statement>> {
    let mut conn = db.conn().await?;
    Ok(web::Json(Statement::of(&mut conn, &caller, *id, &query, clock.today()).await?))
}

impl Statement {
    async fn of(
        conn: &mut Conn,
        caller: &Caller,
        id: Uuid,
        query: &StatementQuery,
        today: Date,
    ) -> Result<Self> {
        let as_of = query.as_of.unwrap_or(today);
        let from = query.from.unwrap_or(Date(as_of.0.first_of_year()));
        if from > as_of {
            let fault = Fault::new("/from", "range", "must not be after `as_of`");
            return Err(Error::bad_request("invalid_query", "`from` must not be after `as_of`.")
                .faults(vec![fault]));
        }

        let customer = Customer::find(conn, caller, id).await?;
        // Managers can read unassigned customers, but not their accounts.
        let reaches =
            |reach: &[Uuid]| customer.owner_id.is_some_and(|owner| reach.contains(&owner));
        if !caller.reach_of_accounts().is_none_or(reaches) {
            return Err(Error::not_found());
        }

        let query = diesel::sql_query(MOVEMENTS)
            .bind::<SqlUuid, _>(id)
            .bind::<SqlDate, _>(from)
            .bind::<SqlDate, _>(as_of);
        let rows: Vec<Row> = query.load(conn).await?;
        if rows.len() > MOST {
            let status = actix_web::http::StatusCode::UNPROCESSABLE_ENTITY;
            let detail = "The statement has more than 10,000 movements. Choose a shorter period.";
            return Err(Error::new(status, "too_many_rows").detail(detail));
        }

        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        for row in rows {
            let account = accounts.entry(row.currency.clone()).or_insert_with(|| Account {
                currency: row.currency.clone(),
                ..Account::default()
            });
            account.take(row);
        }

        // The ledger may know a currency in which nothing has moved here.
        for (currency, amount) in control_balance::of_customer(conn, id, as_of).await? {
            let account = accounts
                .entry(currency.clone())
                .or_insert_with(|| Account { currency, ..Account::default() });
            account.control_balance = Some(amount);
            let difference = account.closing_balance.0 - amount.0;
            account.reconciliation_difference = Some(Money(difference));
        }
        Ok(Self { customer_id: id, from, as_of, accounts: accounts.into_values().collect() })
    }
}

impl Account {
    fn take(&mut self, row: Row) {
        self.closing_balance.0 += row.amount.0;
        let (Some(date), Some(kind), Some(id)) = (row.day, row.kind, row.id) else {
            self.opening_balance = row.amount;
            return;
        };
        self.movements.push(Movement {
            date,
            kind,
            id,
            number: row.number.unwrap_or_default(),
            due_date: row.due_date,
            amount: row.amount,
            balance: self.closing_balance,
        });
    }
}

/// A movement, or the opening balance if `day` is null.
#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = Nullable<SqlDate>)]
    day: Option<Date>,
    #[diesel(sql_type = Nullable<Text>)]
    kind: Option<MovementKind>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    number: Option<String>,
    #[diesel(sql_type = Nullable<SqlDate>)]
    due_date: Option<Date>,
    #[diesel(sql_type = Numeric)]
    amount: Money,
}

/// Documents count from their own dates. Allocating one to another does not change the balance.
const MOVEMENTS: &str = "
    with all_of_them as (
        select currency, invoice_date as day, kind, id, number, due_date,
            case kind when 'invoice' then total_amount else -total_amount end as amount
        from invoices where customer_id = $1 and posted_on is not null
        union all
        select currency, greatest(cancelled_on, invoice_date), 'cancellation', id, number, null,
            case kind when 'invoice' then -total_amount else total_amount end
        from invoices where customer_id = $1 and posted_on is not null and cancelled_on is not null
        union all
        select currency, received_on, 'payment', id, number, null, -amount
        from payments where customer_id = $1
        union all
        select currency, greatest(reversed_on, received_on), 'reversal', id, number, null, amount
        from payments where customer_id = $1 and reversed_on is not null
        union all
        select i.currency, a.allocated_on, 'write_off', i.id, i.number, null, -a.amount
        from allocations a join invoices i on i.id = a.invoice_id
        where i.customer_id = $1 and a.write_off_id is not null
        union all
        select i.currency, a.reversed_on, 'write_off', i.id, i.number, null, a.amount
        from allocations a join invoices i on i.id = a.invoice_id
        where i.customer_id = $1 and a.write_off_id is not null and a.reversed_on is not null
    )
    select currency, null::date as day, null::text as kind, null::uuid as id, null::text as number,
        null::date as due_date, coalesce(sum(amount) filter (where day < $2), 0) as amount
    from all_of_them where day <= $3 group by currency
    union all
    (select currency, day, kind, id, number, due_date, amount from all_of_them
    where day between $2 and $3 limit 10002)
    order by 1, 2 nulls first, 3, 5, 4";
