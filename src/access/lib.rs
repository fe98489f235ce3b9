//! Access: roles, the permissions that they hold, the caller of a request, and the rows that the
//! caller sees. How a caller proves who it is belongs to `auth`.

mod caller;
mod domain;
mod handlers;
mod policy;
mod rows;
mod visible;

pub use caller::{Caller, Can, Person, Refused};
pub use domain::{Domain, Mounts};
pub use policy::{Permission, PermissionTable, Role};
pub use visible::Visible;

permissions! {
    /// Every signed-in caller.
    Anybody: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
}
