//! Targets: what the company, a team, a person, a channel or a customer shall reach in a period.
//! Drafted by one, approved by another, closed when the period is over.

pub mod hooks;
pub mod target;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadTargets: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// Salespeople their own, managers those of their people and teams
    WriteTargets: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Never of what one drafted oneself, nor of one's own
    ApproveTargets: Admin | SalesDirector | SalesManager;
    ImportTargets: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(target::http::routes);
}
