//! Territories, 区域: a tree of sales areas and the people who hold them.

pub mod territory;

use access::Domain;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[territory::http::routes],
    permissions: PERMISSIONS,
    ..Domain::new("territories", "Sales territories, 区域")
};

access::permissions! {
    ReadTerritories: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteTerritories: Admin | SalesDirector | BackOffice | Erp;
    ImportTerritories: Admin | Erp;
}
