//! The visible rows of each table, part by part, for snapshots.

use ::company::exchange_rate::ExchangeRate;
use ::company::holiday::Holiday;
use ::complaints::complaint::{self, Complaint};
use ::complaints::suggestion::{self, Suggestion};
use ::customers::contact::Contact;
use ::customers::customer::{self, Customer};
use ::orders::order::{self, Order};
use ::orders::shipment::{self, Shipment};
use ::receivables::collection_task::{self, CollectionTask};
use ::receivables::control_balance::ControlBalance;
use ::receivables::invoice::{self, Invoice};
use ::receivables::payment::{self, Payment};
use ::receivables::promise::{self, Promise};
use ::receivables::risk_case::{self, RiskCase};
use ::receivables::write_off::{self, WriteOffRequest};
use ::surveys::invitation::{self, SurveyInvitation};
use ::surveys::response::{self, SurveyResponse};
use ::surveys::survey::Survey;
use ::targets::target::{self, Target};
use ::territories::territory::Territory;
use ::visits::cashflow_advice::CashflowAdvice;
use ::visits::visit::{self, Visit};
use auth::Caller;
use auth::reach::VisibleTo;
use auth::team::Team;
use auth::user;
use credit::credit_investigation::CreditInvestigation;
use credit::credit_override::CreditOverride;
use credit::customer_credit::CustomerCredit;
use credit::terms_request::TermsRequest;
use diesel::dsl::{Filter, Select};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use follow_ups::follow_up::{self, FollowUp};
use futures_util::future::BoxFuture;
use growth::opportunity::{self, Opportunity};
use platform::{Conn, Resource, Result};
use products::product::Product;
use schema::customers;
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

/// Declares the functions that copy tables: `copies! { customers: Customer, customer::visible_to;
/// }` names the function and table, the type of its rows, and the condition for visible rows.
macro_rules! copies {
    ($($table:ident: $row:ty, $visible:expr;)*) => {$(
        pub fn $table<'a>(
            conn: &'a mut Conn,
            caller: &'a Caller,
            part: Part<'a>,
        ) -> BoxFuture<'a, Result<Vec<CopiedRow>>> {
            use schema::$table::id as key;
            Box::pin(async move {
                let rows = || <$row>::query().filter($visible(caller));
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
    company: ::company::Company, |_| schema::company::id.is_not_null();
    holidays: Holiday, |_| schema::holidays::id.is_not_null();
    exchange_rates: ExchangeRate, |_| schema::exchange_rates::id.is_not_null();
    teams: Team, |_| schema::teams::id.is_not_null();
    territories: Territory, |_| schema::territories::id.is_not_null();
    products: Product, |_| schema::products::id.is_not_null();
    customers: Customer, customer::visible_to;
    contacts: Contact, |caller: &'a Caller| caller.reaches_or_pool(schema::customers::owner_id);
    customer_credits: CustomerCredit,
        |caller| schema::customer_credits::version.gt(0)
            .and(schema::customer_credits::id.eq_any(visible_customers(caller)));
    credit_overrides: CreditOverride,
        |caller| schema::credit_overrides::customer_id.eq_any(visible_customers(caller));
    credit_investigations: CreditInvestigation,
        |caller| schema::credit_investigations::customer_id.eq_any(visible_customers(caller));
    terms_requests: TermsRequest,
        |caller| schema::terms_requests::customer_id.eq_any(visible_customers(caller));
    orders: Order, order::visible_to;
    shipments: Shipment, shipment::visible_to;
    invoices: Invoice, invoice::visible_to;
    payments: Payment, payment::visible_to;
    control_balances: ControlBalance, |_| schema::control_balances::id.is_not_null();
    collection_tasks: CollectionTask, collection_task::visible_to;
    promises: Promise, promise::visible_to;
    risk_cases: RiskCase, risk_case::visible_to;
    write_off_requests: WriteOffRequest, write_off::visible_to;
    targets: Target, target::visible_to;
    follow_ups: FollowUp, follow_up::visible_to;
    visits: Visit, visit::visible_to;
    cashflow_advice: CashflowAdvice, visit::visible_to;
    complaints: Complaint, complaint::visible_to;
    suggestions: Suggestion, suggestion::visible_to;
    opportunities: Opportunity, opportunity::visible_to;
    surveys: Survey, |_| schema::surveys::id.is_not_null();
    survey_invitations: SurveyInvitation, invitation::visible_to;
    survey_responses: SurveyResponse, response::visible_to;
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

type Visible<'a> =
    Select<Filter<customers::table, VisibleTo<'a, customers::owner_id>>, customers::id>;

/// Selects the customers that the caller sees, whose credit data is visible as well.
fn visible_customers(caller: &Caller) -> Visible<'_> {
    customers::table.filter(customer::visible_to(caller)).select(customers::id)
}
