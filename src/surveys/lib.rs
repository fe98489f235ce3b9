//! Customer satisfaction surveys, 客户满意度. A sample of the customers, stratified by tier, receives
//! single-use links. The answers yield NPS and CSAT. A low score opens a follow-up, which is due at
//! the end of the next working day.

pub mod hooks;
pub mod invitation;
pub mod public;
pub mod response;
pub mod survey;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadSurveys: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Erp | Reporter;
    /// Import answers from another system
    ImportSurveyResponses: Admin | Erp;
    /// Draft, open, close and dispatch surveys; sample customers and renew their links
    WriteSurveys: Admin | SalesDirector | SalesManager | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(survey::http::routes)
        .configure(invitation::http::routes)
        .configure(response::http::routes);
}

/// Routes outside `/api/v1`, for people who have a link.
pub fn public_routes(cfg: &mut ServiceConfig) {
    cfg.configure(public::routes);
}
