//! Targets: the figures that the company, a team, a person, a channel or a customer should reach in
//! a period. One person drafts a target, another approves it, and it is closed when its period is
//! over.

pub mod hooks;
pub mod target;

use access::Domain;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[target::http::routes],
    permissions: PERMISSIONS,
    ..Domain::new("targets", "Sales targets 目标 and quotas 定额")
};

access::permissions! {
    ReadTargets: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// Salespeople write their own targets, managers those of their people and teams
    WriteTargets: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Nobody approves a target that they drafted, nor their own
    ApproveTargets: Admin | SalesDirector | SalesManager;
    ImportTargets: Admin | Erp;
}
