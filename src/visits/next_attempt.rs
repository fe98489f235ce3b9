//! Patience, 耐心: the next attempt after a refusal, and the attempts required before a prospect may
//! be given up.

use customers::customer::Customer;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date as SqlDate, Nullable};
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use platform::{Conn, Date, Error, List, NoFilter, Result, Routes, Tx, fixed_sql, page};
use schema::visits;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadVisits;
use crate::visit::{RefuseReason, Visit, VisitResult, VisitStatus};

/// Fewest completed visits before a prospect may be given up.
const ATTEMPTS: i64 = 3;
/// Fewest days between the first and the last of these visits.
const DAYS: i64 = 14;

/// The next attempt at a customer, 下次联系
#[derive(Debug, Clone, Serialize, ToSchema, HasQuery)]
#[diesel(table_name = visits)]
pub struct NextAttempt {
    /// The visit that set the day
    #[diesel(column_name = "id")]
    pub visit_id: Uuid,
    pub customer_id: Uuid,
    #[schema(inline)]
    pub outcome: Option<VisitResult>,
    #[schema(inline)]
    pub refuse_reason: Option<RefuseReason>,
    pub next_action: Option<String>,
    pub next_visit_on: Option<Date>,
}

page! {
    /// A page of next attempts, earliest first
    NextAttemptPage of NextAttempt
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_next_attempts);
}

access::list! {
    /// List your next attempts
    ///
    /// Returns customers for whom your last visit set a next day, and no visit of yours has been
    /// planned or made since.
    list_next_attempts: "/me/next-attempts", ReadVisits, NextAttempt by NoFilter -> NextAttemptPage,
    "A page of attempts"
}

impl NextAttempt {
    pub async fn list(
        conn: &mut Conn,
        caller: &access::Caller,
        list: &List<NoFilter>,
    ) -> Result<NextAttemptPage> {
        use visits::{id, next_visit_on, owner_id, status};
        // Ids are UUIDv7, so a greater id is a later visit.
        let matching = || {
            let latest = fixed_sql::<Bool>(
                "not exists (select from visits as later where later.customer_id = \
                 visits.customer_id and later.owner_id = visits.owner_id and later.id > visits.id \
                 and later.status in ('planned', 'in_progress', 'completed'))",
            );
            let rows =
                visits::table.filter(caller.sees::<Visit>()).filter(owner_id.eq(caller.id()));
            let rows = rows.filter(status.eq(VisitStatus::Completed)).filter(latest);
            rows.filter(next_visit_on.is_not_null())
        };

        let total =
            if list.counted { Some(matching().count().get_result(conn).await?) } else { None };
        let day = next_visit_on.assume_not_null();
        let following = matching().filter(list.after::<Date, _, _>(day, id)?);
        let ordered = following.order((next_visit_on, id)).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |attempt: &Self| {
            (attempt.next_visit_on.unwrap_or_default(), attempt.visit_id)
        })
    }
}

/// Hook of customers: a prospect may not be given up before three visits over two weeks.
pub fn check_given_up<'a>(
    tx: &'a mut Tx,
    customer: &'a Customer,
) -> LocalBoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let made = visits::table
            .filter(visits::customer_id.eq(customer.id))
            .filter(visits::status.eq(VisitStatus::Completed));
        let figures = (
            fixed_sql::<BigInt>("count(*)"),
            fixed_sql::<Nullable<SqlDate>>("min(planned_date)"),
            fixed_sql::<Nullable<SqlDate>>("max(planned_date)"),
        );
        let (attempts, first, last): (i64, Option<Date>, Option<Date>) =
            made.select(figures).first(tx.conn()).await?;

        let days = first.zip(last).map_or(0, |(first, last)| {
            i64::from(first.0.until(last.0).map_or(0, |span| span.get_days()))
        });
        if attempts >= ATTEMPTS && days >= DAYS {
            return Ok(());
        }
        let detail = "A prospect can be given up only after three visits over at least two weeks.";
        Err(Error::conflict("too_few_attempts", detail)
            .member("attempts", attempts)
            .member("days", days))
    })
}
