//! Products: what we sell, with its prices by day. Everybody may look; what a product costs us is
//! for those only who have to know.

pub mod product;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadProducts: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// `standard_cost`, which margins follow from
    ReadCosts: Admin | GeneralManager | SalesDirector | SalesManager | BackOffice | Finance | Erp;
    WriteProducts: Admin | SalesDirector | BackOffice | Erp;
    ImportProducts: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(product::http::routes);
}
