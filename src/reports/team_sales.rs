//! Team sales 团队业绩: sales of each person, alone and with everyone below.

use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{LEDGER, STANDS};

/// One person, alone and with everyone below.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01910000-0000-7000-8000-000000000001", "user_external_id": "274",
    "user_name": "王芳", "own_orders": 48, "own_amount": "1092123.8561",
    "team_orders": 2989, "team_amount": "63320315.3351", "team_size": 11,
}))]
pub struct TeamSalesRow {
    pub user_id: Uuid,
    pub user_external_id: Option<String>,
    pub user_name: String,
    pub own_orders: i64,
    pub own_amount: Number,
    /// Including everyone below
    pub team_orders: i64,
    /// Including everyone below
    pub team_amount: Number,
    /// 人数: the person and everyone below
    pub team_size: i64,
}

/// Totals over all people. An order shared by two of them counts once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamSalesTotals {
    pub people: i64,
    pub own_orders: i64,
    pub own_amount: Number,
}

crate::report! {
    /// Sales of people and their teams
    TeamSalesReport of TeamSalesRow, TeamSalesTotals
}

/// Sales of people and their teams
///
/// 团队业绩: all users in your scope who sell, and everyone else who is credited with an order
/// visible to you. Teams are those of `as_of`.
#[utoipa::path(
    get, path = "/reports/team-sales",
    params(ReportQuery),
    responses(
        (status = 200, description = "One row per person", content(
            (TeamSalesReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_team_sales(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let entries = question.entries();
    let as_of = question.binds.date(question.as_of);
    let reach = question.caller.reach().map(|ids| question.binds.ids(ids));
    let reach = reach.map(|ids| format!(" and users.id = any({ids})")).unwrap_or_default();
    let shared = format!(
        "with sold as materialized (
            select distinct user_id, order_id from {LEDGER}
            where user_id is not null and {entries} and {STANDS}
        ),
        money as materialized (
            select user_id, sum(amount) as amount from sales_entries
            where user_id is not null and {entries} group by user_id
        )"
    );

    let rows = format!(
        "with recursive current as (
            select user_id, team_id, leads from memberships
            where valid_from <= {as_of} and (valid_to is null or valid_to > {as_of})
        ),
        led as (
            select user_id, team_id from current where leads
            union
            select led.user_id, teams.id from led join teams on teams.parent_id = led.team_id
        ),
        below as (
            select id as user_id, id as person_id from users
            union
            select led.user_id, current.user_id from led join current using (team_id)
        ),
        own as (
            select user_id, coalesce(orders, 0) as orders, amount
            from money left join (
                select user_id, count(*) as orders from sold group by user_id
            ) as counted using (user_id)
        ),
        teams_ordered as (
            select below.user_id, count(distinct order_id) as orders
            from below join sold on sold.user_id = person_id group by below.user_id
        ),
        teams_sold as (
            select user_id, coalesce(orders, 0) as orders, amount
            from (
                select below.user_id, sum(amount) as amount
                from below join money on money.user_id = person_id group by below.user_id
            ) as summed left join teams_ordered using (user_id)
        ),
        sizes as (select user_id, count(*) as people from below group by user_id)
        select users.id as user_id, external_id as user_external_id, name as user_name,
            coalesce(own.orders, 0) as own_orders,
            round(coalesce(own.amount, 0), 4)::text as own_amount,
            coalesce(teams_sold.orders, 0) as team_orders,
            round(coalesce(teams_sold.amount, 0), 4)::text as team_amount,
            sizes.people as team_size
        from users join sizes on sizes.user_id = users.id
        left join own on own.user_id = users.id
        left join teams_sold on teams_sold.user_id = users.id
        where own.user_id is not null
            or (teams_sold.user_id is not null
                or active and roles && array['salesperson', 'sales_manager', 'sales_director']){reach}
        order by external_id collate \"C\", users.id"
    );

    let totals = "select count(*) as people,
            (select count(distinct order_id) from sold) as own_orders,
            round(coalesce(sum(amount), 0), 4)::text as own_amount
        from money"
        .to_owned();

    Plan { shared, ..Plan::new("team-sales", question.binds, rows, totals) }
}
