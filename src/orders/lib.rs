//! Orders: the products sold, the customers and the people credited. Confirming an order recognises
//! it in the sales ledger, which every sales figure reads. Corrections add entries to the ledger;
//! nothing is rewritten.

pub mod activity;
pub mod availability;
pub mod order;
pub mod sales_entry;
pub mod shipment;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadOrders: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    WriteOrders: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Erp;
    /// Confirm, close and reopen orders, and cancel confirmed ones
    ConfirmOrders: Admin | SalesDirector | SalesManager | BackOffice;
    /// Put orders on credit hold
    HoldOrders: Admin | SalesDirector | SalesManager | BackOffice | CreditController;
    ReleaseOrders: Admin | CreditController;
    ImportOrders: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(order::http::routes)
        .configure(shipment::http::routes)
        .configure(availability::routes);
}
