//! Team board 团队看板: the day of the people whom the caller leads.

use access::{Caller, Can};
use actix_web::web::Data;
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Date as SqlDate, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use platform::{
    Clock, Conn, Db, Embedded, List, NoFilter, PageQuery, Problems, Result, Timestamp, page,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadBoard;

/// One person's day
#[derive(Debug, Serialize, ToSchema, QueryableByName)]
#[schema(example = json!({
    "user_id": "01910000-0000-7000-8000-000000000001", "user_name": "王芳",
    "team_id": "01910000-0000-7000-8000-000000000003", "visits_planned": 6,
    "visits_completed": 3, "visits_valid": 3,
    "in_progress": { "visit_id": "01910000-0000-7000-8000-000000000004",
        "customer_id": "01910000-0000-7000-8000-000000000002",
        "customer_name": "上海林氏贸易有限公司", "since": "2026-11-24T05:30:00Z" },
    "follow_ups_open": 4, "follow_ups_overdue": 1, "complaints_open": 3,
    "complaints_overdue": 1, "complaints_unfiled": 2,
}))]
pub struct BoardRow {
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    #[diesel(sql_type = Text)]
    pub user_name: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub team_id: Option<Uuid>,
    /// Visits planned for today, except cancelled ones
    #[diesel(sql_type = BigInt)]
    pub visits_planned: i64,
    #[diesel(sql_type = BigInt)]
    pub visits_completed: i64,
    /// 有效拜访
    #[diesel(sql_type = BigInt)]
    pub visits_valid: i64,
    /// Visit in which the person has checked in and not out
    #[diesel(sql_type = Nullable<Jsonb>)]
    #[schema(value_type = Option<BoardVisit>)]
    pub in_progress: Option<Embedded<BoardVisit>>,
    #[diesel(sql_type = BigInt)]
    pub follow_ups_open: i64,
    /// Open follow-ups that are overdue
    #[diesel(sql_type = BigInt)]
    pub follow_ups_overdue: i64,
    /// Open complaints that the person handles
    #[diesel(sql_type = BigInt)]
    pub complaints_open: i64,
    /// Open complaints whose first response or resolution is late
    #[diesel(sql_type = BigInt)]
    pub complaints_overdue: i64,
    /// Complaints that the person has resolved and nobody has filed 备案
    #[diesel(sql_type = BigInt)]
    pub complaints_unfiled: i64,
}

/// The visit in progress
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BoardVisit {
    pub visit_id: Uuid,
    pub customer_id: Uuid,
    pub customer_name: String,
    pub since: Timestamp,
}

page! {
    /// A page of people, by name
    BoardPage of BoardRow
}

/// Your team's day
///
/// 团队看板: one row for each active user in your scope who sells, or has an open follow-up or
/// complaint. You are included if that applies to you.
#[utoipa::path(
    get, path = "/team/board",
    params(PageQuery),
    responses((status = 200, description = "A page of people", body = BoardPage), Problems),
)]
pub async fn list_board(
    caller: Can<ReadBoard>,
    list: List<NoFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<BoardPage> {
    BoardRow::list(&mut *db.conn().await?, &caller, &list, &clock).await
}

impl BoardRow {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
        clock: &Clock,
    ) -> Result<BoardPage> {
        let now = clock.now();
        let reach = caller.reach().map(<[Uuid]>::to_vec);

        let (name, id) = list.position::<(String, Uuid)>()?.unzip();
        let people = |name: Option<String>, id: Option<Uuid>, limit: Option<i64>, sql: String| {
            diesel::sql_query(sql)
                .bind::<Nullable<Array<SqlUuid>>, _>(reach.clone())
                .bind::<Nullable<Text>, _>(name)
                .bind::<Nullable<SqlUuid>, _>(id)
                .bind::<Nullable<BigInt>, _>(limit)
        };

        let total = if list.counted {
            let count = format!("{PEOPLE} select count(*) as people from people");
            Some(people(None, None, None, count).get_result::<Count>(conn).await?.people)
        } else {
            None
        };

        let rows = people(name, id, Some(list.fetch()), format!("{PEOPLE} {DAY}"));
        let rows = rows.bind::<SqlDate, _>(clock.day_of(now)).bind::<Timestamptz, _>(now);
        let rows: Vec<Self> = rows.load(conn).await?;
        list.page(rows, total, |it: &Self| (it.user_name.clone(), it.user_id))
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    people: i64,
}

/// Binds: the users in scope, the name and id after which the page begins, and its length.
const PEOPLE: &str = "
    with people as (
        select id, name, team_id from users
        where active and ($1 is null or id = any($1))
            and ($2 is null or (name, id) > ($2, $3))
            and (roles && array['salesperson', 'sales_manager', 'sales_director']
                or exists (
                    select from follow_ups where assignee_id = users.id
                        and status in ('assigned', 'accepted', 'in_progress', 'returned')
                )
                or exists (
                    select from complaints where owner_id = users.id
                        and status in ('registered', 'accepted', 'in_progress', 'pending_customer')
                ))
        order by name, id limit $4
    )";

/// Binds: today, now.
const DAY: &str = "
    select people.id as user_id, people.name as user_name, team_id, visits_planned,
        visits_completed, visits_valid, in_progress, follow_ups_open, follow_ups_overdue,
        complaints_open, complaints_overdue, complaints_unfiled
    from people
    cross join lateral (
        select count(*) filter (where status <> 'cancelled') as visits_planned,
            count(*) filter (where status = 'completed') as visits_completed,
            count(*) filter (where validity = 'valid') as visits_valid
        from visits where owner_id = people.id and planned_date = $5
    ) as day
    left join lateral (
        select jsonb_build_object('visit_id', visits.id, 'customer_id', customer_id,
            'customer_name', customers.name, 'since', occurred_at) as in_progress
        from visit_checks join visits on visits.id = visit_id
        join customers on customers.id = customer_id
        where user_id = people.id and open
    ) as place on true
    cross join lateral (
        select count(*) as follow_ups_open,
            count(*) filter (where due_at < $6) as follow_ups_overdue
        from follow_ups where assignee_id = people.id
            and status in ('assigned', 'accepted', 'in_progress', 'returned')
    ) as work
    cross join lateral (
        select count(*) filter (where ended_at is null) as complaints_open,
            count(*) filter (
                where ended_at is null and (resolve_due < coalesce(paused_since, $6)
                    or first_response_at is null and first_response_due < $6)
            ) as complaints_overdue,
            count(*) filter (where status = 'resolved' and filed_at is null) as complaints_unfiled
        from complaints
        join complaint_clocks on complaint_clocks.complaint_id = complaints.id
        join complaint_settlements on complaint_settlements.complaint_id = complaints.id
        where owner_id = people.id
            and status in ('registered', 'accepted', 'in_progress', 'pending_customer', 'resolved')
    ) as context
    order by people.name, people.id";
