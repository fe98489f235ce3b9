//! Complaints with a task for today: the user's own to settle, those that nobody has accepted, and
//! those that nobody has filed 备案.

use complaints::complaint::{ComplaintCategory, ComplaintStatus, Severity};
use platform::{Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::today::{Deadline, DeadlineOf};

text_enum! {
    /// Task on a complaint
    pub enum ComplaintTask {
        /// 处理: the complaint is yours
        Handle = "handle",
        /// 受理: nobody has accepted it, and you may
        Accept = "accept",
        /// 备案: it is open or resolved and not filed, and you may
        File = "file",
    }
}

/// A complaint with a task for you
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TodayComplaint {
    pub id: Uuid,
    pub version: i64,
    pub number: String,
    pub customer_id: Uuid,
    pub customer_name: String,
    #[schema(inline)]
    pub category: ComplaintCategory,
    #[schema(inline)]
    pub severity: Severity,
    #[schema(inline)]
    pub status: ComplaintStatus,
    #[schema(inline)]
    pub task: ComplaintTask,
    /// Null once it has been given. The other deadlines are null once they are met
    pub first_response_due: Option<Timestamp>,
    pub interim_due: Option<Timestamp>,
    /// Null once it is met, and while the complaint waits for the customer
    pub resolve_due: Option<Timestamp>,
    pub filing_due: Option<Timestamp>,
    /// Earliest deadline of the task; null while the complaint waits for the customer
    pub due_at: Option<Timestamp>,
    pub overdue: bool,
}

impl TodayComplaint {
    /// Returns a deadline for each term that is running.
    pub fn deadlines(&self, now: Timestamp) -> impl Iterator<Item = Deadline> {
        let terms = match self.task {
            ComplaintTask::File => vec![(DeadlineOf::ComplaintFiling, self.filing_due)],
            _ => vec![
                (DeadlineOf::ComplaintFirstResponse, self.first_response_due),
                (DeadlineOf::ComplaintInterim, self.interim_due),
                (DeadlineOf::ComplaintResolution, self.resolve_due),
            ],
        };
        terms.into_iter().filter_map(move |(of, due_at)| {
            let (due_at, customer_name) = (due_at?, self.customer_name.clone());
            let (id, customer_id, overdue) = (self.id, self.customer_id, due_at < now);
            Some(Deadline { of, id, customer_id, customer_name, due_at, overdue })
        })
    }
}

/// Selects the tasks of user `$1` at instant `$4`. `$5` is true if the user accepts complaints and
/// `$6` if the user files them; `$7` are the users in scope, for `{visible}`. Tasks are ordered by
/// deadline, so that overdue ones come first.
pub const MY_COMPLAINTS: &str = "
    tasks as (
        select id, 'handle' as task from complaints
        where owner_id = $1 and status in ('registered', 'accepted', 'in_progress', 'pending_customer')
        union all
        select id, 'accept' from complaints
        where $5 and status = 'registered' and owner_id is null
            and about_user_id is distinct from $1 and ($7 is null or {visible})
        union all
        select id, 'file' from complaints
        join complaint_settlements on complaint_id = id
        where $6 and status in ('registered', 'accepted', 'in_progress', 'pending_customer', 'resolved')
            and filed_at is null and ($7 is null or {visible})
    ),
    terms as (
        select id, version, number, customer_id, category, severity, status, task,
            case when ended_at is null and first_response_at is null then first_response_due end
                as first_response_due,
            case when ended_at is null and interim_at is null then interim_due end as interim_due,
            case when ended_at is null and paused_since is null then resolve_due end as resolve_due,
            case when filed_at is null then filing_due end as filing_due
        from tasks join complaints using (id)
        join complaint_clocks on complaint_clocks.complaint_id = id
        join complaint_settlements on complaint_settlements.complaint_id = id
    ),
    due as (
        select terms.*, case when task = 'file' then filing_due
            else least(first_response_due, interim_due, resolve_due) end as due_at
        from terms
    ),
    my_complaints as (
        select due.*, coalesce(due_at < $4, false) as overdue,
            row_number() over (partition by task order by due_at, id) as place
        from due
    )";
