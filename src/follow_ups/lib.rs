//! Follow-ups: tasks for a customer, each with an assignee, a due time and a reported result.

pub mod follow_up;

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[follow_up::http::routes],
    permissions: PERMISSIONS,
    jobs: &[Job {
        name: "late_follow_ups",
        every: Duration::from_mins(5),
        run: |tx| Box::pin(follow_up::escalate_late(tx)),
    }],
    ..Domain::new("follow_ups", "Follow-ups with customers, 客户跟踪")
};

access::permissions! {
    ReadFollowUps: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Reporter;
    /// Salespeople for themselves, managers also for their people, the back office for anyone
    WriteFollowUps: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
}
