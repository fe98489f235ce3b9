//! Personal scoreboard 个人战报: results of today, this week and this month, always counted from
//! recorded data and never entered.

use access::{Caller, Can};
use actix_web::HttpResponse;
use actix_web::web::Data;
use company::exchange_rate::rate_on;
use diesel::QueryableByName;
use diesel::result::OptionalExtension;
use diesel::sql_types::{
    Array, BigInt, Date as SqlDate, Nullable, Numeric, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use jiff::ToSpan;
use platform::{Clock, Conn, Date, Db, Error, Money, Number, Problems, Result, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadToday;

/// Your results
#[derive(Debug, Serialize, ToSchema)]
pub struct Scoreboard {
    /// Today in the time zone of the company
    pub date: Date,
    pub today: Score,
    /// Monday to Sunday
    pub week: Score,
    pub month: Score,
    /// Your approved or closed target for the orders of this month; null when there is none
    pub target: Option<ScoreTarget>,
}

/// Results of a range of days
#[derive(Debug, Serialize, ToSchema, QueryableByName)]
#[schema(example = json!({
    "from": "2026-11-23", "to": "2026-11-30", "visits_planned": 24, "visits_completed": 9,
    "visits_valid": 8, "new_contacts": 4, "new_customers": 2, "orders": 3, "amount": "48210.75",
}))]
pub struct Score {
    #[diesel(sql_type = SqlDate)]
    pub from: Date,
    /// Exclusive
    #[diesel(sql_type = SqlDate)]
    pub to: Date,
    /// Your visits planned for these days, except cancelled ones
    #[diesel(sql_type = BigInt)]
    pub visits_planned: i64,
    #[diesel(sql_type = BigInt)]
    pub visits_completed: i64,
    /// 有效拜访
    #[diesel(sql_type = BigInt)]
    pub visits_valid: i64,
    /// Contacts that were added to your customers
    #[diesel(sql_type = BigInt)]
    pub new_contacts: i64,
    /// Customers that were added and belong to you
    #[diesel(sql_type = BigInt)]
    pub new_customers: i64,
    /// 订单数: orders that you are credited with
    #[diesel(sql_type = BigInt)]
    pub orders: i64,
    /// 订货额: your share of these orders, in the company's currency
    #[diesel(sql_type = Numeric)]
    pub amount: Money,
}

/// Attainment of the month's target
#[derive(Debug, Serialize, ToSchema, QueryableByName)]
#[schema(example = json!({ "target_id": "01910000-0000-7000-8000-000000000003",
    "target": "165000.00", "actual": "131328.49", "attainment_percent": "79.59" }))]
pub struct ScoreTarget {
    #[diesel(sql_type = SqlUuid)]
    pub target_id: Uuid,
    /// 目标, in the company's currency; null when there is no exchange rate for it
    #[diesel(sql_type = Nullable<Numeric>)]
    pub target: Option<Money>,
    /// 实绩
    #[diesel(sql_type = Numeric)]
    pub actual: Money,
    /// 达成率, in percent; null when the target is 0
    #[diesel(sql_type = Nullable<Numeric>)]
    pub attainment_percent: Option<Number>,
}

/// Your scoreboard
///
/// 个人战报: your visits, contacts, customers and orders of today, this week and this month, and
/// the attainment of your target for the orders of this month. A visit counts on the day that it is
/// planned for, an order on the day on which it was recognised.
#[utoipa::path(
    get, path = "/me/scoreboard",
    responses((status = 200, description = "The scoreboard", body = Scoreboard), Problems),
)]
pub async fn read_scoreboard(
    caller: Can<ReadToday>,
    clock: Data<Clock>,
    db: Db,
) -> Result<HttpResponse> {
    let scores = Scoreboard::of(&mut *db.conn().await?, &caller, &clock).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-cache")).json(scores))
}

/// First day of a range, and the first day after it.
type Days = (Date, Date);

/// Returns today, its week from Monday on, and its month.
fn periods(today: Date) -> Result<[Days; 3]> {
    let day = today.0;
    let after = |from: jiff::civil::Date, span: jiff::Span| {
        from.checked_add(span).map(|to| (Date(from), Date(to))).map_err(Error::internal)
    };
    let monday = i64::from(day.weekday().to_monday_zero_offset()).days();
    let monday = day.checked_sub(monday).map_err(Error::internal)?;
    Ok([after(day, 1.day())?, after(monday, 7.days())?, after(day.first_of_month(), 1.month())?])
}

impl Scoreboard {
    /// Counts only what is the caller's own, which the caller may always see.
    pub async fn of(conn: &mut Conn, caller: &Caller, clock: &Clock) -> Result<Self> {
        let date = clock.today();
        let periods = periods(date)?;
        let (from, to): (Vec<Date>, Vec<Date>) = periods.into_iter().unzip();
        let begins = |days: &[Date]| days.iter().map(|day| begin(*day, clock)).collect();
        let (from_at, to_at): (Result<Vec<_>>, Result<Vec<_>>) = (begins(&from), begins(&to));
        let scores: Vec<Score> = diesel::sql_query(SCORES)
            .bind::<SqlUuid, _>(caller.id())
            .bind::<Array<SqlDate>, _>(from)
            .bind::<Array<SqlDate>, _>(to)
            .bind::<Array<Timestamptz>, _>(from_at?)
            .bind::<Array<Timestamptz>, _>(to_at?)
            .load(conn)
            .await?;
        let scores: Result<[Score; 3], _> = scores.try_into();
        let [today, week, month] = scores.map_err(|_| Error::internal("three periods"))?;
        let target = diesel::sql_query(target())
            .bind::<SqlUuid, _>(caller.id())
            .bind::<SqlDate, _>(month.from)
            .bind::<Numeric, _>(month.amount)
            .get_result(conn)
            .await
            .optional()?;

        Ok(Self { date, today, week, month, target })
    }
}

/// Returns the instant at which a day begins where the company is.
fn begin(day: Date, clock: &Clock) -> Result<Timestamp> {
    let begin = day.0.to_zoned(clock.zone()).map_err(Error::internal)?;
    Ok(Timestamp(begin.timestamp()))
}

/// Binds: the user, the first days, the days after the last, and the same as instants. An order
/// counts where it was booked, unless a correction has reversed it.
const SCORES: &str = "
    select first_day as \"from\", last_day as \"to\", visits_planned, visits_completed, visits_valid,
        new_contacts, new_customers, orders, amount
    from unnest($2, $3, $4, $5) with ordinality
        as period (first_day, last_day, first_at, last_at, place)
    cross join lateral (
        select count(*) filter (where status <> 'cancelled') as visits_planned,
            count(*) filter (where status = 'completed') as visits_completed,
            count(*) filter (where validity = 'valid') as visits_valid
        from visits where owner_id = $1 and planned_date >= first_day and planned_date < last_day
    ) as visited
    cross join lateral (
        select count(*) as new_customers
        from customers
        where owner_id = $1 and merged_into_id is null
            and created_at >= first_at and created_at < last_at
    ) as won
    cross join lateral (
        select count(*) as new_contacts
        from customers join contacts on contacts.customer_id = customers.id
        where owner_id = $1 and contacts.created_at >= first_at and contacts.created_at < last_at
    ) as met
    cross join lateral (
        select count(distinct order_id) filter (where stands) as orders,
            coalesce(sum(amount), 0) as amount
        from (
            select order_id, amount, kind = 'booked' and not exists (
                    select from sales_entries as undone
                    where undone.order_id = entry.order_id and undone.kind = 'reversed'
                        and undone.booked_on = entry.booked_on and undone.id > entry.id
                ) as stands
            from sales_entries as entry
            where user_id = $1 and booked_on >= first_day and booked_on < last_day
        ) as entries
    ) as sold
    order by place";

/// Binds: the user, the first day of the month, and the amount ordered in it.
fn target() -> String {
    let rate = rate_on("targets.currency", "targets.period_start");
    format!(
        "
    select target_id, target, actual, round(100 * actual / nullif(target, 0), 2)
        as attainment_percent
    from (
        select id as target_id, coalesce(closed_actual, $3) as actual,
            value * {rate} as target
        from targets
        where owner_type = 'user' and owner_id = $1 and period_type = 'month' and period_start = $2
            and metric = 'ordered_amount' and level = 'base' and dimension is null
            and status in ('approved', 'closed')
        order by created_at limit 1
    ) as mine"
    )
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_a_month_on_its_first() {
        let told = |y, m, d| {
            let periods = periods(Date(date(y, m, d))).unwrap();
            periods.map(|(from, to)| format!("{from} {to}"))
        };
        let sunday = told(2026, 11, 1);
        let days = ["2026-11-01 2026-11-02", "2026-10-26 2026-11-02", "2026-11-01 2026-12-01"];
        assert_eq!(sunday, days);
        let monday = told(2026, 12, 28);
        let days = ["2026-12-28 2026-12-29", "2026-12-28 2027-01-04", "2026-12-01 2027-01-01"];
        assert_eq!(monday, days);
    }
}
