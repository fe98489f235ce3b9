//! Territories, 区域: a tree of sales areas and the people who hold them.

pub mod territory;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadTerritories: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteTerritories: Admin | SalesDirector | BackOffice | Erp;
    ImportTerritories: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(territory::http::routes);
}
