//! Customer visits, with their evidence and their outcomes.

pub mod cashflow_advice;
pub mod coaching_note;
pub mod hooks;
pub mod next_attempt;
pub mod visit;

use utoipa_actix_web::service_config::ServiceConfig;

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

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(next_attempt::routes)
        .configure(visit::http::routes)
        .configure(coaching_note::routes)
        .configure(cashflow_advice::routes);
}
