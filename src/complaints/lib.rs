//! Complaints: they are registered, handled within their service level, settled, and filed (备案)
//! by the back office. Also the suggestions (建议) that customers make.

pub mod complaint;
pub mod hooks;
pub mod sla;
pub mod suggestion;

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[
        complaint::http::routes,
        complaint::http_actions::routes,
        complaint::http_settlement::routes,
        suggestion::http::routes,
    ],
    permissions: PERMISSIONS,
    jobs: &[Job {
        name: "complaint_deadlines",
        every: Duration::from_mins(1),
        run: |tx| Box::pin(hooks::check_deadlines(tx)),
    }],
    ..Domain::new("complaints", "Complaints 客户投诉 and suggestions 建议 of customers")
};

access::permissions! {
    ReadComplaints: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// Register complaints, propose and reopen, and the actions of a complaint's reporter or owner
    WriteComplaints: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp;
    /// Settle complaints on the spot, within the authority of the role
    SettleComplaints: SalesDirector | SalesManager | Salesperson;
    /// Accept and assign complaints, and dispatch them to the quality department
    HandleComplaints: Admin | SalesDirector | SalesManager | BackOffice;
    /// Reject and escalate complaints
    JudgeComplaints: Admin | SalesDirector | SalesManager;
    /// File (备案) and close complaints
    FileComplaints: Admin | BackOffice;
    ImportComplaints: Admin | Erp;
    ReadSuggestions: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Erp | Reporter;
    WriteSuggestions: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Note, adopt and decline suggestions
    AnswerSuggestions: Admin | SalesDirector | SalesManager | BackOffice;
}
