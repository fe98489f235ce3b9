//! Growth list, 老客户深度开发: customers with and without a next step.

use access::{Caller, Can};
use actix_web::web::Data;
use customers::customer::Tier;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Date as SqlDate, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{
    Clock, Conn, Date, Db, Embedded, List, Money, NoFilter, PageQuery, Problems, Result, page,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadOpportunities;

/// A customer on the growth list
#[derive(Debug, Serialize, ToSchema, QueryableByName)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002",
    "customer_name": "上海林氏贸易有限公司", "tier": "A", "open_steps": 1, "overdue": false,
    "step": { "opportunity_id": "01910000-0000-7000-8000-000000000005", "category": "密封件",
        "product_id": null, "potential_amount": "80000.00", "next_step": "送样品",
        "next_step_on": "2026-12-01" },
}))]
pub struct GrowthRow {
    #[diesel(sql_type = SqlUuid)]
    pub customer_id: Uuid,
    #[diesel(sql_type = Text)]
    pub customer_name: String,
    #[diesel(sql_type = Text)]
    #[schema(inline)]
    pub tier: Tier,
    /// Number of open opportunities. Each customer of tier A or B should have at least one
    #[diesel(sql_type = BigInt)]
    pub open_steps: i64,
    /// True if the day of the next step is past
    #[diesel(sql_type = Bool)]
    pub overdue: bool,
    /// The open opportunity with the earliest next step; null if there is none
    #[diesel(sql_type = Nullable<Jsonb>)]
    #[schema(value_type = Option<GrowthStep>)]
    pub step: Option<Embedded<GrowthStep>>,
    #[serde(skip)]
    #[diesel(sql_type = SqlDate)]
    place: Date,
}

/// The next step of an opportunity
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct GrowthStep {
    pub opportunity_id: Uuid,
    pub category: Option<String>,
    pub product_id: Option<Uuid>,
    pub potential_amount: Option<Money>,
    pub next_step: String,
    pub next_step_on: Date,
}

page! {
    /// A page of customers: first those without a step, then by the day of the next step
    GrowthPage of GrowthRow
}

/// List your customers to grow
///
/// 老客户深度开发: The customers of tiers A and B that you own, except lost and blacklisted ones.
/// Customers without an open opportunity come first, then those with the earliest next step, no
/// matter who takes it.
#[utoipa::path(
    get, path = "/me/growth-list",
    params(PageQuery),
    responses((status = 200, description = "A page of customers", body = GrowthPage), Problems),
)]
pub async fn list_growth(
    caller: Can<ReadOpportunities>,
    list: List<NoFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<GrowthPage> {
    GrowthRow::list(&mut *db.conn().await?, &caller, &list, clock.today()).await
}

impl GrowthRow {
    /// Lists only customers that the caller owns, which are always visible to the caller.
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
        today: Date,
    ) -> Result<GrowthPage> {
        let total = if list.counted {
            let count = diesel::sql_query(format!("select count(*) as customers {MINE}"));
            let count = count.bind::<SqlUuid, _>(caller.id()).get_result::<Count>(conn);
            Some(count.await?.customers)
        } else {
            None
        };

        let (place, id) = list.position::<(Date, Uuid)>()?.unzip();
        let rows = diesel::sql_query(format!("{STEPS} {MINE} {ORDER}"))
            .bind::<SqlUuid, _>(caller.id())
            .bind::<SqlDate, _>(today)
            .bind::<Nullable<SqlDate>, _>(place)
            .bind::<Nullable<SqlUuid>, _>(id)
            .bind::<BigInt, _>(list.fetch());
        let rows: Vec<Self> = rows.load(conn).await?;
        list.page(rows, total, |row: &Self| (row.place, row.customer_id))
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    customers: i64,
}

/// The customers on the list. `$1`: the caller.
const MINE: &str = "
    from customers
    where owner_id = $1 and tier in ('A', 'B') and merged_into_id is null
        and status not in ('lost', 'blacklisted')";

/// `$2`: today. A customer without a step sorts before all days.
const STEPS: &str = "
    select * from (
        select customers.id as customer_id, name as customer_name, tier,
            coalesce(open_steps, 0) as open_steps, coalesce(due < $2, false) as overdue, step,
            coalesce(due, '0001-01-01') as place
        from (select * ";

/// `$3`, `$4`: day and customer after which the page begins; `$5`: number of rows.
const ORDER: &str = ") as customers
        left join lateral (
            select next_step_on as due, count(*) over () as open_steps,
                jsonb_build_object('opportunity_id', id, 'category', category,
                    'product_id', product_id, 'potential_amount', potential_amount::text,
                    'next_step', next_step, 'next_step_on', next_step_on) as step
            from opportunities
            where opportunities.customer_id = customers.id and opportunities.status = 'open'
            order by next_step_on, id limit 1
        ) as next on true
    ) as it
    where $3 is null or (place, customer_id) > ($3, $4)
    order by place, customer_id limit $5";
