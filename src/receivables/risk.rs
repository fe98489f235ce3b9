//! Customers with receivables at risk, 坏账预警: long overdue, with broken promises, with a dropped
//! credit score, or with an open risk case.

use access::{Caller, Can};
use actix_web::web::Data;
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date as SqlDate, Integer, Nullable, Numeric, Text, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use platform::{
    Clock, Conn, Date, Db, List, Money, NoFilter, PageQuery, Problems, Result, Routes, page,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadCollections;
use crate::risk_case::{RiskMeasure, RiskTrigger};

/// A customer with receivables at risk, 坏账预警
#[derive(Debug, Serialize, ToSchema, QueryableByName)]
pub struct ReceivableRisk {
    #[diesel(sql_type = SqlUuid)]
    pub customer_id: Uuid,
    #[diesel(sql_type = Text)]
    pub customer_name: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub owner_id: Option<Uuid>,
    /// Reasons for the risk. `overdue`: overdue for more than 60 days. `broken_promises`: at least
    /// two broken promises within a year. `credit_score`: the latest investigation, at most a year
    /// old, scored at least 20 points below the one before, and the customer has open invoices.
    /// Empty when only a risk case is open
    #[diesel(sql_type = Array<Text>)]
    pub triggers: Vec<RiskTrigger>,
    /// Overdue amount in the company's currency. Of an invoice in instalments, only the overdue
    /// ones count
    #[diesel(sql_type = Numeric)]
    pub overdue_amount: Money,
    /// Days since the oldest unpaid part was due
    #[diesel(sql_type = Integer)]
    pub overdue_days: i32,
    #[diesel(sql_type = BigInt)]
    pub broken_promises: i64,
    /// The open risk case
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub risk_case_id: Option<Uuid>,
    #[schema(inline)]
    #[diesel(sql_type = Nullable<Text>)]
    pub measure: Option<RiskMeasure>,
}

page! {
    /// A page of customers with receivables at risk
    ReceivableRiskPage of ReceivableRisk
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_receivable_risks);
}

/// List customers with receivables at risk
///
/// 坏账预警: customers who are more than 60 days overdue, broke two promises within a year, have open
/// invoices after their credit score dropped by at least 20 points, or have an open risk case.
/// Returns the customers of the users in your scope; finance sees all customers.
#[utoipa::path(
    get, path = "/receivables/risks",
    params(PageQuery),
    responses((status = 200, description = "A page of customers", body = ReceivableRiskPage),
        Problems),
)]
async fn list_receivable_risks(
    caller: Can<ReadCollections>,
    list: List<NoFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<ReceivableRiskPage> {
    ReceivableRisk::list(&mut *db.conn().await?, &caller, &list, clock.today()).await
}

/// Customers overdue for more days are at risk.
const DAYS: i32 = 60;

/// Every branch starts at overdue invoices, broken promises, open cases or scores, so that the cost
/// does not grow with the number of customers.
const RISKS: &str = "
    with overdue as (
        -- Of an invoice in instalments what is due is late, and not the rest of it.
        select customer_id, sum(round(case when instalments = '[]' then open_amount
                else (select sum((it->>'amount')::numeric) from jsonb_array_elements(instalments) it
                    where (it->>'due_date')::date < $1) - (total_amount - open_amount)
                end * exchange_rate, 6)) as amount,
            $1 - min(next_due_on) as days
        from invoices where next_due_on < $1 group by customer_id
    ),
    broken as (
        select customer_id, count(*) as count from promises
        where status = 'broken' and decided_on > $1 - 365 group by customer_id
    ),
    cases as (
        select distinct on (customer_id) customer_id, id, measure from risk_cases
        where closed_on is null order by customer_id, opened_on desc, id desc
    ),
    scores as (
        select customer_id, true as dropped from (
            select customer_id, concluded_on, score, lag(score) over one_by_one as earlier,
                lead(score) over one_by_one as later
            from credit_investigations where score is not null
            window one_by_one as (partition by customer_id order by concluded_on, id)
        ) as it
        where later is null and earlier - score >= 20 and concluded_on > $1 - 365 and exists (
            select from invoices i where i.customer_id = it.customer_id
                and i.posted_on is not null and i.closed_on is null and i.open_amount > 0
        )
    ),
    risks as (
        select customer_id, array_remove(array[
                case when overdue.days > $2 then 'overdue' end,
                case when broken.count >= 2 then 'broken_promises' end,
                case when scores.dropped then 'credit_score' end
            ], null) as triggers,
            coalesce(overdue.amount, 0) as overdue_amount,
            coalesce(overdue.days, 0) as overdue_days,
            coalesce(broken.count, 0) as broken_promises, cases.id as risk_case_id, cases.measure
        from overdue full join broken using (customer_id) full join cases using (customer_id)
            full join scores using (customer_id)
        where overdue.days > $2 or broken.count >= 2 or cases.id is not null or scores.dropped
    )";

impl ReceivableRisk {
    async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
        today: Date,
    ) -> Result<ReceivableRiskPage> {
        let reach = caller.reach_of_accounts();
        let (all, people) = (reach.is_none(), reach.unwrap_or_default().to_vec());

        let visible = "from risks join customers c on c.id = customer_id
            where ($3 or c.owner_id = any($4))";
        let total = if list.counted {
            #[derive(QueryableByName)]
            struct Total {
                #[diesel(sql_type = BigInt)]
                count: i64,
            }
            let count = diesel::sql_query(format!("{RISKS} select count(*) as count {visible}"))
                .bind::<SqlDate, _>(today)
                .bind::<Integer, _>(DAYS)
                .bind::<Bool, _>(all)
                .bind::<Array<SqlUuid>, _>(people.clone());
            Some(count.get_result::<Total>(conn).await?.count)
        } else {
            None
        };

        let rows = format!(
            "{RISKS} select risks.*, c.name as customer_name, c.owner_id {visible}
            and customer_id > $5 order by customer_id limit $6"
        );
        let rows = diesel::sql_query(rows)
            .bind::<SqlDate, _>(today)
            .bind::<Integer, _>(DAYS)
            .bind::<Bool, _>(all)
            .bind::<Array<SqlUuid>, _>(people)
            .bind::<SqlUuid, _>(list.position::<Uuid>()?.unwrap_or_default())
            .bind::<BigInt, _>(list.fetch());
        let rows: Vec<Self> = rows.load(conn).await?;
        list.page(rows, total, |risk: &Self| risk.customer_id)
    }
}

/// Returns the open amount of a customer's invoices in the company's currency, at least zero.
/// Unused credit notes are deducted, unallocated payments are not.
pub(crate) async fn owed(conn: &mut Conn, customer: Uuid) -> Result<Money> {
    #[derive(QueryableByName)]
    struct Owed {
        #[diesel(sql_type = Numeric)]
        amount: Money,
    }
    let query = diesel::sql_query(
        "select greatest(round(coalesce(sum(open_amount * exchange_rate), 0), 6), 0) as amount
        from invoices where customer_id = $1 and posted_on is not null and closed_on is null",
    );
    Ok(query.bind::<SqlUuid, _>(customer).get_result::<Owed>(conn).await?.amount)
}
