//! Growth of existing customers, 老客户深度开发: opportunities to sell more to them, each with its next
//! step.

pub mod growth_list;
pub mod opportunity;
pub mod product_gap;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadOpportunities: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Reporter;
    /// Salespeople for themselves, managers also for their people
    WriteOpportunities: Admin | SalesDirector | SalesManager | Salesperson;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(growth_list::list_growth)
        .configure(opportunity::http::routes)
        .service(product_gap::read_product_gaps);
}
