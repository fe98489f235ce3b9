//! The visible rows of each table, part by part, for snapshots.

use ::company::exchange_rate::ExchangeRate;
use ::company::holiday::Holiday;
use ::complaints::complaint::Complaint;
use ::complaints::suggestion::Suggestion;
use ::customers::contact::Contact;
use ::customers::customer::Customer;
use ::orders::order::Order;
use ::orders::shipment::Shipment;
use ::receivables::collection_task::CollectionTask;
use ::receivables::control_balance::ControlBalance;
use ::receivables::invoice::Invoice;
use ::receivables::payment::Payment;
use ::receivables::promise::Promise;
use ::receivables::risk_case::RiskCase;
use ::receivables::write_off::WriteOffRequest;
use ::surveys::invitation::SurveyInvitation;
use ::surveys::response::SurveyResponse;
use ::surveys::survey::Survey;
use ::targets::target::Target;
use ::territories::territory::Territory;
use ::visits::cashflow_advice::CashflowAdvice;
use ::visits::visit::Visit;
use access::Caller;
use auth::team::Team;
use auth::user;
use credit::credit_investigation::CreditInvestigation;
use credit::credit_override::CreditOverride;
use credit::customer_credit::CustomerCredit;
use credit::terms_request::TermsRequest;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use follow_ups::follow_up::FollowUp;
use futures_util::future::BoxFuture;
use growth::opportunity::Opportunity;
use platform::{Conn, Resource, Result, fixed_sql};
use products::product::Product;
use uuid::Uuid;

use crate::data::Data;

/// The part of a table to copy.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Up to this number of rows after this id, in the order of ids
    After(Uuid, i64),
    /// The rows with these ids
    These(&'a [Uuid]),
}

/// A copied row with all its fields. The feed masks them for the reader.
#[derive(Debug)]
pub struct CopiedRow {
    pub id: Uuid,
    pub version: i64,
    pub data: Data,
}

/// A function that returns the rows of a part that the caller sees now.
pub type Copier =
    for<'a> fn(&'a mut Conn, &'a Caller, Part<'a>) -> BoxFuture<'a, Result<Vec<CopiedRow>>>;

fn copied<R: Resource>(rows: &[R]) -> Result<Vec<CopiedRow>> {
    let copied =
        |row: &R| Ok(CopiedRow { id: row.id(), version: row.version(), data: Data::of(row)? });
    rows.iter().map(copied).collect()
}

/// Condition for the credit of customers for whom it was ever set.
pub const CREDIT_SET: &str = "customer_credits.version > 0";

/// Declares the functions that copy tables: `copies! { customers: Customer; }` names the function
/// and table, and the type of its rows. `if` adds a condition for the rows that exist for readers.
macro_rules! copies {
    ($($table:ident: $row:ty $(, if $exists:expr)?;)*) => {$(
        pub fn $table<'a>(
            conn: &'a mut Conn,
            caller: &'a Caller,
            part: Part<'a>,
        ) -> BoxFuture<'a, Result<Vec<CopiedRow>>> {
            use schema::$table::id as key;
            Box::pin(async move {
                let rows = || <$row>::query().filter(caller.sees::<$row>())$(.filter($exists))?;
                let rows: Vec<$row> = match part {
                    Part::After(id, limit) => {
                        rows().filter(key.gt(id)).order(key).limit(limit).load(conn).await?
                    }
                    Part::These(ids) => rows().filter(key.eq_any(ids)).load(conn).await?,
                };
                copied(&rows)
            })
        }
    )*};
}

copies! {
    company: ::company::Company;
    holidays: Holiday;
    exchange_rates: ExchangeRate;
    teams: Team;
    territories: Territory;
    products: Product;
    customers: Customer;
    contacts: Contact;
    customer_credits: CustomerCredit, if fixed_sql::<Bool>(CREDIT_SET);
    credit_overrides: CreditOverride;
    credit_investigations: CreditInvestigation;
    terms_requests: TermsRequest;
    orders: Order;
    shipments: Shipment;
    invoices: Invoice;
    payments: Payment;
    control_balances: ControlBalance;
    collection_tasks: CollectionTask;
    promises: Promise;
    risk_cases: RiskCase;
    write_off_requests: WriteOffRequest;
    targets: Target;
    follow_ups: FollowUp;
    visits: Visit;
    cashflow_advice: CashflowAdvice;
    complaints: Complaint;
    suggestions: Suggestion;
    opportunities: Opportunity;
    surveys: Survey;
    survey_invitations: SurveyInvitation;
    survey_responses: SurveyResponse;
}

/// Copies all users. They need a function of their own, because a user is not a row of one table.
pub fn users<'a>(
    conn: &'a mut Conn,
    _: &'a Caller,
    part: Part<'a>,
) -> BoxFuture<'a, Result<Vec<CopiedRow>>> {
    Box::pin(async move {
        let people = match part {
            Part::After(id, limit) => user::everybody(conn, id, limit).await?,
            Part::These(ids) => user::people(conn, ids).await?,
        };
        copied(&people)
    })
}
