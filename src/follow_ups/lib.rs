//! Follow-ups: what somebody is to see to with a customer until a time, and what came of it.

pub mod follow_up;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadFollowUps: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Reporter;
    /// Salespeople for themselves, managers for their people
    WriteFollowUps: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(follow_up::http::routes);
}
