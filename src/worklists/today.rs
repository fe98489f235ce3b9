//! Tasks of the day 今日工作, in one answer and one statement.
//!
//! A further list needs one more `with` in `TODAY`, with its count and its column, one more field
//! of [`Today`], and a [`DeadlineOf`] if it has deadlines of its own.

use access::{Caller, Can};
use actix_web::HttpResponse;
use actix_web::web::Data;
use complaints::complaint::Complaint;
use complaints::{FileComplaints, HandleComplaints};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, Bool, Date as SqlDate, Jsonb, Nullable, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use follow_ups::follow_up::{FollowUpStatus, Source};
use platform::{Clock, Conn, Date, Db, Embedded, Error, Problems, Result, Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use visits::visit::{RefuseReason, VisitResult, VisitStatus, VisitType};

use crate::ReadToday;
use crate::complaint_tasks::{MY_COMPLAINTS, TodayComplaint};

text_enum! {
    pub enum DeadlineOf {
        /// The end of the visit's time window
        Visit = "visit",
        FollowUp = "follow_up",
        ComplaintFirstResponse = "complaint_first_response",
        ComplaintInterim = "complaint_interim",
        ComplaintResolution = "complaint_resolution",
        /// 备案
        ComplaintFiling = "complaint_filing",
    }
}

/// Your tasks of the day
#[derive(Debug, Serialize, ToSchema)]
pub struct Today {
    /// Today in the time zone of the company
    pub date: Date,
    pub counts: TodayCounts,
    /// Visits in progress first, then those of today, then missed ones that you have not explained;
    /// at most 50
    pub visits: Vec<TodayVisit>,
    /// Open follow-ups that are due today or overdue, the earliest first; at most 50
    pub follow_ups: Vec<TodayFollowUp>,
    /// Customers whom you promised to contact again by today, the earliest first; at most 50
    pub next_attempts: Vec<TodayAttempt>,
    /// Complaints to handle, and to accept and to file if you do that, by deadline; those that wait
    /// for the customer come last; at most 50 of each task
    pub complaints: Vec<TodayComplaint>,
    /// Deadlines of the lists above, the earliest first
    pub deadlines: Vec<Deadline>,
}

/// Lengths of the lists, including rows that they do not show
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct TodayCounts {
    pub visits: i64,
    pub follow_ups: i64,
    pub next_attempts: i64,
    /// Complaints of all tasks
    pub complaints: i64,
    pub complaints_overdue: i64,
    pub complaints_to_accept: i64,
    pub complaints_to_file: i64,
}

/// A visit to make or to explain
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TodayVisit {
    pub id: Uuid,
    pub version: i64,
    /// Owner of the visit; another user where you accompany the visit 协访
    pub owner_id: Uuid,
    pub customer_id: Uuid,
    pub customer_name: String,
    /// Address of the customer
    pub address: Option<String>,
    /// Degrees, WGS 84
    pub latitude: Option<f64>,
    /// Degrees, WGS 84
    pub longitude: Option<f64>,
    #[serde(rename = "type")]
    #[schema(inline)]
    pub visit_type: VisitType,
    #[schema(inline)]
    pub status: VisitStatus,
    pub planned_date: Date,
    pub window_from: Option<Timestamp>,
    /// Exclusive
    pub window_to: Option<Timestamp>,
    pub purpose: Option<String>,
    /// True for a visit by telephone or video
    pub remote: bool,
}

/// A follow-up to carry out
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TodayFollowUp {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    pub customer_name: String,
    #[schema(inline)]
    pub source: Source,
    pub instruction: String,
    #[schema(inline)]
    pub status: FollowUpStatus,
    pub due_at: Timestamp,
    pub overdue: bool,
}

/// A customer to contact again
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TodayAttempt {
    /// Visit in which the next contact was agreed
    pub visit_id: Uuid,
    pub customer_id: Uuid,
    pub customer_name: String,
    #[schema(inline)]
    pub outcome: Option<VisitResult>,
    #[schema(inline)]
    pub refuse_reason: Option<RefuseReason>,
    pub next_action: Option<String>,
    pub next_visit_on: Date,
}

/// A deadline
#[derive(Debug, Serialize, ToSchema)]
pub struct Deadline {
    #[schema(inline)]
    pub of: DeadlineOf,
    /// Id of the visit, the follow-up or the complaint
    pub id: Uuid,
    pub customer_id: Uuid,
    pub customer_name: String,
    pub due_at: Timestamp,
    pub overdue: bool,
}

/// Your tasks of the day
///
/// 今日工作: your visits of today, those in progress, and those that you missed and have not
/// explained; your open follow-ups due by the end of the day; customers whom you promised to
/// contact again; your open complaints. Users who accept complaints also get those that nobody has
/// accepted, and the back office those that wait for their filing 备案.
#[utoipa::path(
    get, path = "/me/today",
    responses((status = 200, description = "All tasks of the day", body = Today), Problems),
)]
pub async fn read_today(
    caller: Can<ReadToday>,
    clock: Data<Clock>,
    db: Db,
) -> Result<HttpResponse> {
    let today = Today::of(&mut *db.conn().await?, &caller, &clock).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-cache")).json(today))
}

/// Returns the deadlines of the lists. A visit that is in progress or over has none.
fn deadlines(lists: &Lists, now: Timestamp) -> Vec<Deadline> {
    let planned = lists.visits.iter().filter(|visit| visit.status == VisitStatus::Planned);
    let planned = planned.filter_map(|visit| {
        let (due_at, customer_name) = (visit.window_to?, visit.customer_name.clone());
        let (of, customer_id, overdue) = (DeadlineOf::Visit, visit.customer_id, due_at < now);
        Some(Deadline { of, id: visit.id, customer_id, customer_name, due_at, overdue })
    });

    let due = lists.follow_ups.iter().map(|follow_up| Deadline {
        of: DeadlineOf::FollowUp,
        id: follow_up.id,
        customer_id: follow_up.customer_id,
        customer_name: follow_up.customer_name.clone(),
        due_at: follow_up.due_at,
        overdue: follow_up.overdue,
    });

    let terms = lists.complaints.iter().flat_map(|complaint| complaint.deadlines(now));

    let mut all: Vec<Deadline> = planned.chain(due).chain(terms).collect();
    all.sort_by_key(|deadline| (deadline.due_at, deadline.id));
    all
}

impl Today {
    /// Loads only what is the caller's own, which the caller may always see, and the complaints
    /// that the caller sees and has to accept or to file.
    pub async fn of(conn: &mut Conn, caller: &Caller, clock: &Clock) -> Result<Self> {
        let now = clock.now();
        let date = clock.day_of(now);
        let tomorrow = date.0.tomorrow().and_then(|day| day.to_zoned(clock.zone()));
        let tomorrow = Timestamp(tomorrow.map_err(Error::internal)?.timestamp());
        let visible = caller.sees::<Complaint>().sql(|_| "$7".to_owned());
        let visible = visible.unwrap_or_else(|| "true".to_owned());
        let text = format!("with {MY_COMPLAINTS}, {TODAY}").replace("{visible}", &visible);

        let lists: Lists = diesel::sql_query(text)
            .bind::<SqlUuid, _>(caller.id())
            .bind::<SqlDate, _>(date)
            .bind::<Timestamptz, _>(tomorrow)
            .bind::<Timestamptz, _>(now)
            .bind::<Bool, _>(caller.may::<HandleComplaints>())
            .bind::<Bool, _>(caller.may::<FileComplaints>())
            .bind::<Nullable<Array<SqlUuid>>, _>(caller.reach())
            .get_result(conn)
            .await?;
        let deadlines = deadlines(&lists, now);
        let Lists { counts, visits, follow_ups, next_attempts, complaints } = lists;
        Ok(Self {
            date,
            counts: counts.0,
            visits: visits.0,
            follow_ups: follow_ups.0,
            next_attempts: next_attempts.0,
            complaints: complaints.0,
            deadlines,
        })
    }
}

#[derive(Debug, QueryableByName)]
struct Lists {
    #[diesel(sql_type = Jsonb)]
    counts: Embedded<TodayCounts>,
    #[diesel(sql_type = Jsonb)]
    visits: Embedded<Vec<TodayVisit>>,
    #[diesel(sql_type = Jsonb)]
    follow_ups: Embedded<Vec<TodayFollowUp>>,
    #[diesel(sql_type = Jsonb)]
    next_attempts: Embedded<Vec<TodayAttempt>>,
    #[diesel(sql_type = Jsonb)]
    complaints: Embedded<Vec<TodayComplaint>>,
}

/// Follows [`MY_COMPLAINTS`]. Binds: the user, today, the end of today, now. Each part of the
/// visits has an index of its own; names are looked up only for what is shown.
const TODAY: &str = "
    my_visits as (
        select id, version, owner_id, customer_id, visit_type as type, status, planned_date,
            window_from, window_to, purpose, remote,
            row_number() over (order by status <> 'in_progress', planned_date desc, window_from, id)
                as place
        from visits
        where owner_id = $1 and planned_date = $2 and status <> 'cancelled'
            or owner_id = $1 and status in ('in_progress', 'missed')
                and (status = 'in_progress' or reason is null)
            or participant_ids @> array[$1] and planned_date = $2 and status <> 'cancelled'
    ),
    my_attempts as (
        select id as visit_id, customer_id, outcome, refuse_reason, next_action, next_visit_on,
            row_number() over (order by next_visit_on, id) as place
        from visits
        where owner_id = $1 and status = 'completed' and next_visit_on <= $2
            and not exists (
                select from visits as later
                where later.customer_id = visits.customer_id and later.owner_id = $1
                    and later.id > visits.id
                    and later.status in ('planned', 'in_progress', 'completed')
            )
    ),
    my_follow_ups as (
        select id, version, customer_id, source, instruction, status, due_at,
            due_at < $4 as overdue, row_number() over (order by due_at, id) as place
        from follow_ups
        where assignee_id = $1 and due_at < $3
            and status in ('assigned', 'accepted', 'in_progress', 'returned')
    )
    select jsonb_build_object(
            'visits', (select count(*) from my_visits),
            'follow_ups', (select count(*) from my_follow_ups),
            'next_attempts', (select count(*) from my_attempts),
            'complaints', (select count(*) from my_complaints),
            'complaints_overdue', (select count(*) from my_complaints where overdue),
            'complaints_to_accept', (select count(*) from my_complaints where task = 'accept'),
            'complaints_to_file', (select count(*) from my_complaints where task = 'file')
        ) as counts,
        (select coalesce(jsonb_agg(to_jsonb(it) order by place), '[]') from (
            select my_visits.*, name as customer_name, address, latitude, longitude
            from my_visits join customers on customers.id = customer_id where place <= 50
        ) as it) as visits,
        (select coalesce(jsonb_agg(to_jsonb(it) order by place), '[]') from (
            select my_follow_ups.*, name as customer_name
            from my_follow_ups join customers on customers.id = customer_id where place <= 50
        ) as it) as follow_ups,
        (select coalesce(jsonb_agg(to_jsonb(it) order by place), '[]') from (
            select my_attempts.*, name as customer_name
            from my_attempts join customers on customers.id = customer_id where place <= 50
        ) as it) as next_attempts,
        (select coalesce(jsonb_agg(to_jsonb(it) order by due_at, id), '[]') from (
            select my_complaints.*, name as customer_name
            from my_complaints join customers on customers.id = customer_id where place <= 50
        ) as it) as complaints";
