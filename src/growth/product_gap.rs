//! Product gaps, 产品缺口: categories that similar customers buy and a customer does not.

use access::{Caller, Can};
use actix_web::web;
use actix_web::web::Data;
use customers::customer::Customer;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date as SqlDate, Jsonb, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Clock, Conn, Date, Db, Embedded, Money, Number, Path, Problems, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadOpportunities;

/// Fewest customers to compare with. Among one or two, shares would reveal who buys.
const FEWEST: i64 = 3;

/// Product categories that similar customers buy and this one does not
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "as_of": "2026-11-24",
    "similar_customers": 8, "enough_similar_customers": true,
    "gaps": [{ "category": "密封件", "share_percent": "62.5", "average_amount": "48210.75" }],
}))]
pub struct ProductGaps {
    pub customer_id: Uuid,
    /// Last day of the 12 months that are compared
    pub as_of: Date,
    /// Number of other customers with the same tier, industry and region
    pub similar_customers: i64,
    /// True if there are at least three similar customers. With fewer, `gaps` is empty
    pub enough_similar_customers: bool,
    /// At most 50 categories, those with the most buyers first
    pub gaps: Vec<ProductGap>,
}

/// A product category that similar customers buy
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProductGap {
    /// 产品类别
    #[schema(example = "密封件")]
    pub category: String,
    /// Share of the similar customers who bought it, in percent; 30 or more
    pub share_percent: Number,
    /// Average amount that these customers bought of it in the 12 months, in the company's
    /// currency. Null if there is only one of them, whose own amount it would be
    pub average_amount: Option<Money>,
}

/// Read the product gaps of a customer
///
/// 产品缺口: Product categories that at least 30 % of the similar customers bought within 12 months,
/// and this one did not. Similar customers have the same tier, industry and region, no matter who
/// owns them. Only shares are shown, never names. A customer without a tier, an industry or a
/// region has no gaps.
#[utoipa::path(
    get, path = "/customers/{id}/product-gaps",
    responses((status = 200, description = "The gaps, if any", body = ProductGaps), Problems),
)]
pub async fn read_product_gaps(
    caller: Can<ReadOpportunities>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<web::Json<ProductGaps>> {
    let today = clock.today();
    ProductGaps::of(&mut *db.conn().await?, &caller, *id, today).await.map(web::Json)
}

impl ProductGaps {
    pub async fn of(conn: &mut Conn, caller: &Caller, id: Uuid, as_of: Date) -> Result<Self> {
        let customer = Customer::find(conn, caller, id).await?;
        let found = diesel::sql_query(GAPS).bind::<SqlUuid, _>(customer.id);
        let found = found.bind::<SqlDate, _>(as_of).bind::<BigInt, _>(FEWEST);
        let Found { similar_customers, gaps } = found.get_result(conn).await?;
        Ok(Self {
            customer_id: customer.id,
            as_of,
            similar_customers,
            enough_similar_customers: similar_customers >= FEWEST,
            gaps: gaps.0,
        })
    }
}

#[derive(Debug, QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    similar_customers: i64,
    #[diesel(sql_type = Jsonb)]
    gaps: Embedded<Vec<ProductGap>>,
}

/// Query for the gaps. `$1`: the customer; `$2`: the last day; `$3`: the fewest similar customers.
/// A category that was returned in full counts as not bought. Amounts are text, because JSON
/// numbers would lose digits.
const GAPS: &str = "
    with alike as (
        select other.id
        from customers as this join customers as other
            on other.tier = this.tier and other.industry = this.industry
                and other.region = this.region
        where this.id = $1 and other.id <> this.id and other.merged_into_id is null
    ),
    known as (select count(*) as similar_customers from alike),
    bought as (
        select customer_id, category, sum(amount) as amount
        from sales_entries
        where customer_id in (select id from alike union all select $1)
            and booked_on > ($2 - interval '12 months')::date and booked_on <= $2
            and category is not null
        group by customer_id, category
        having sum(quantity) > 0
    ),
    gaps as (
        select category, count(*) as buyers, avg(amount) as amount
        from bought
        where customer_id <> $1
            and not exists (
                select from bought as own
                where own.customer_id = $1 and own.category = bought.category
            )
        group by category
    ),
    told as (
        select category, buyers, amount, similar_customers
        from gaps cross join known
        where similar_customers >= $3 and 100 * buyers >= 30 * similar_customers
        order by buyers desc, category limit 50
    )
    select similar_customers,
        (select coalesce(jsonb_agg(jsonb_build_object(
            'category', category,
            'share_percent', round(100.0 * buyers / told.similar_customers, 2)::text,
            'average_amount', case when buyers > 1 then round(amount, 4)::text end
        ) order by buyers desc, category), '[]') from told) as gaps
    from known";
