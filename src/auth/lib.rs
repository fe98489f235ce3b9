//! Authentication and authorisation. A token names a user, the directory knows the user's current
//! roles and visible users, and permissions and [`visible::Visible`] decide. This crate also holds
//! users, teams and API clients, and their logins.

pub mod api_client;
mod arrive;
mod authority;
mod caller;
pub mod directory;
pub mod external_id;
pub mod hooks;
pub mod import;
pub mod login;
mod login_address;
pub mod machine;
pub mod me;
pub mod membership;
pub mod names;
mod parameters;
pub mod password;
pub mod peer;
pub mod policy;
mod record;
pub mod reference;
mod second_factor;
pub mod session;
pub mod signing_key;
pub mod source_item;
pub mod team;
pub mod throttle;
pub mod token;
mod unique;
pub mod user;
pub mod visible;
pub mod waiting;

use utoipa_actix_web::service_config::ServiceConfig;

pub use caller::{Caller, Can, authenticate};
pub use directory::{Directory, Person};
pub use import::{Arrival, Draft, Imported, Keys, import};
pub use login::{LoginPolicy, Logins};
pub use me::Permissions;
pub use membership::team_paths;
pub use peer::TrustProxy;
pub use policy::{Permission, Role};
pub use reference::{Body, HasReferences, Reference};
pub use signing_key::root_routes;
pub use team::find_teams;
pub use token::Tokens;
pub use unique::Unique;
pub use user::find_users;

permissions! {
    /// Every signed-in caller.
    Anybody: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    ReadUsers: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteUsers: Admin | Hr | Erp;
    ImportUsers: Admin | Erp;
    SetPasswords: Admin | Hr;
    ReadTeams: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteTeams: Admin | Hr | Erp;
    ImportTeams: Admin | Erp;
    ManageClients: Admin;
    RotateKeys: Admin;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(login::routes)
        .configure(machine::routes)
        .configure(me::routes)
        .configure(session::routes)
        .configure(second_factor::routes)
        .configure(user::http::routes)
        .configure(team::http::routes)
        .configure(membership::http::routes)
        .configure(api_client::routes)
        .configure(signing_key::routes);
}
