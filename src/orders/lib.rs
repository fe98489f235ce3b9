//! Orders: what was sold, by whom, to whom. An order that is confirmed is recognised in the sales
//! ledger, which every sales figure reads; corrections add entries there, nothing is rewritten.

pub mod activity;
pub mod availability;
pub mod order;
pub mod sales_entry;
pub mod shipment;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadOrders: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    WriteOrders: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Erp;
    /// Confirm and close, and cancel what was confirmed
    ConfirmOrders: Admin | SalesDirector | SalesManager | BackOffice;
    /// Let an order wait for credit
    HoldOrders: Admin | SalesDirector | SalesManager | BackOffice | CreditController;
    ReleaseOrders: Admin | CreditController;
    ImportOrders: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(order::http::routes)
        .configure(shipment::http::routes)
        .configure(availability::routes);
}
