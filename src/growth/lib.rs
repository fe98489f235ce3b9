//! Growth of existing customers, 老客户深度开发: opportunities to sell more to them, each with its next
//! step.

pub mod growth_list;
pub mod opportunity;
pub mod product_gap;

use access::Domain;
use platform::Routes;

// Its tables are read with SQL.
use orders as _;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[routes],
    permissions: PERMISSIONS,
    ..Domain::new("growth", "Growth of existing customers, 老客户深度开发")
};

access::permissions! {
    ReadOpportunities: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Reporter;
    /// Salespeople for themselves, managers also for their people
    WriteOpportunities: Admin | SalesDirector | SalesManager | Salesperson;
}

fn routes(routes: &mut Routes) {
    platform::mount!(routes, growth_list::list_growth);
    routes.with(opportunity::http::routes);
    platform::mount!(routes, product_gap::read_product_gaps);
}
