//! Products and their prices by day. Every user can see products; the standard cost is visible only
//! to roles that need it.

pub mod product;

use access::Domain;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[product::http::routes],
    permissions: PERMISSIONS,
    ..Domain::new("products", "Products, 产品")
};

access::permissions! {
    ReadProducts: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// See `standard_cost`, which margins follow from
    ReadCosts: Admin | GeneralManager | SalesDirector | SalesManager | BackOffice | Finance | Erp;
    WriteProducts: Admin | SalesDirector | BackOffice | Erp;
    ImportProducts: Admin | Erp;
}
