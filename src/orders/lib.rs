//! Orders: the products sold, the customers and the people credited. Confirming an order recognises
//! it in the sales ledger, which every sales figure reads. Corrections add entries to the ledger;
//! nothing is rewritten.

pub mod activity;
pub mod availability;
pub mod order;
pub mod sales_entry;
pub mod shipment;

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[order::http::routes, shipment::http::routes, availability::routes],
    permissions: PERMISSIONS,
    jobs: &[Job { name: "dormancy", every: Duration::from_mins(10), run: activity::make_dormant }],
    ..Domain::new("orders", "Orders 订单 and shipments 发货")
};

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
