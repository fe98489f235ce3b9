//! Surveys: how satisfied customers are, 客户满意度. A sample of the customers, stratified by tier,
//! gets links that are good once; the answers make NPS and CSAT, and whoever is not satisfied is
//! followed up within a working day.

pub mod hooks;
pub mod invitation;
pub mod public;
pub mod response;
pub mod survey;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadSurveys: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Erp | Reporter;
    /// Answers from another system
    ImportSurveyResponses: Admin | Erp;
    /// Draft, open and close; sample customers and renew their links
    WriteSurveys: Admin | SalesDirector | SalesManager | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(survey::http::routes)
        .configure(invitation::http::routes)
        .configure(response::http::routes);
}

/// Outside `/api/v1`, for whoever has a link.
pub fn public_routes(cfg: &mut ServiceConfig) {
    cfg.configure(public::routes);
}
