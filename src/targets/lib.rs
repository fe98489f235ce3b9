//! Targets: the figures that the company, a team, a person, a channel or a customer should reach in
//! a period. One person drafts a target, another approves it, and it is closed when its period is
//! over.

pub mod hooks;
pub mod target;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadTargets: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// Salespeople write their own targets, managers those of their people and teams
    WriteTargets: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Nobody approves a target that they drafted, nor their own
    ApproveTargets: Admin | SalesDirector | SalesManager;
    ImportTargets: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(target::http::routes);
}
