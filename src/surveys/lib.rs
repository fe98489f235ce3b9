//! Customer satisfaction surveys, 客户满意度. A sample of the customers, stratified by tier, receives
//! single-use links. The answers yield NPS and CSAT. A low score opens a follow-up, which is due at
//! the end of the next working day.

pub mod hooks;
pub mod invitation;
pub mod public;
pub mod response;
pub mod survey;

use access::Domain;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[survey::http::routes, invitation::http::routes, response::http::routes],
    root_routes: &[public::routes],
    permissions: PERMISSIONS,
    ..Domain::new("surveys", "Customer satisfaction surveys, 客户满意度调查")
};

access::permissions! {
    ReadSurveys: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Erp | Reporter;
    /// Import answers from another system
    ImportSurveyResponses: Admin | Erp;
    /// Draft, open, close and dispatch surveys; sample customers and renew their links
    WriteSurveys: Admin | SalesDirector | SalesManager | BackOffice;
}
