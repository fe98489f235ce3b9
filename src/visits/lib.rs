//! Visits: who went to see which customer, with what evidence, and what came of it.

pub mod cashflow_advice;
pub mod coaching_note;
pub mod next_attempt;
pub mod visit;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadVisits: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Erp | Reporter;
    /// Salespeople their own, managers and the back office also plan for others
    WriteVisits: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Never of one's own
    ApproveVisits: Admin | SalesDirector | SalesManager;
    ImportVisits: Admin | Erp;
    /// Only owner and managers see them
    CoachVisits: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(next_attempt::routes)
        .configure(visit::http::routes)
        .configure(coaching_note::routes)
        .configure(cashflow_advice::routes);
}
