//! Growth 老客户深度开发: what customers that we have could buy besides, and the next step towards it.

pub mod growth_list;
pub mod opportunity;
pub mod product_gap;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadOpportunities: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Reporter;
    /// Salespeople for themselves, managers for their people
    WriteOpportunities: Admin | SalesDirector | SalesManager | Salesperson;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(growth_list::list_growth)
        .configure(opportunity::http::routes)
        .service(product_gap::read_product_gaps);
}
