//! Follow-ups: tasks for a customer, each with an assignee, a due time and a reported result.

pub mod follow_up;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadFollowUps: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Reporter;
    /// Salespeople for themselves, managers also for their people, the back office for anyone
    WriteFollowUps: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(follow_up::http::routes);
}
