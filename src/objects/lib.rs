//! Objects of types that a company defines, 自定义对象: a definition gives fields, a life cycle and who
//! sees what, and the objects of the type have everything that other resources have. The service
//! brings definitions of its own along, in `types/`.

pub mod definition;
mod expression;
pub mod object;
pub mod object_type;

use access::Domain;

pub use object::FINDERS;
pub use object_type::catalog::{Catalog, ensure_built_in, readable};

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[object_type::http::routes, object::http::routes],
    permissions: PERMISSIONS,
    ..Domain::new("objects", "Objects of types that the company defines, 自定义对象")
};

access::permissions! {
    ReadObjectTypes: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    ManageObjectTypes: Admin;
    /// Limited further by the definition of each type
    UseObjects: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
}
