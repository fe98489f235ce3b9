//! Customer visits, with their evidence and their outcomes.

pub mod cashflow_advice;
pub mod coaching_note;
pub mod hooks;
pub mod next_attempt;
pub mod visit;

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[
        next_attempt::routes,
        visit::http::routes,
        coaching_note::routes,
        cashflow_advice::routes,
    ],
    permissions: PERMISSIONS,
    jobs: &[Job {
        name: "missed_visits",
        every: Duration::from_mins(5),
        run: |tx| Box::pin(visit::mark_missed(tx)),
    }],
    ..Domain::new("visits", "Visits to customers, 拜访")
};

access::permissions! {
    ReadVisits: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Erp | Reporter;
    /// Salespeople write their own visits; managers and the back office also plan for others
    WriteVisits: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Never for the caller's own visits
    ApproveVisits: Admin | SalesDirector | SalesManager;
    ImportVisits: Admin | Erp;
    /// Limited further to companions, the owner and the managers of the visit
    CoachVisits: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson;
}
