//! Authentication: a token names a user or API client, and the directory knows the current roles and
//! visible users. This crate also holds users, teams and API clients, and their logins.

pub mod api_client;
mod authenticate;
mod authority;
pub mod directory;
pub mod hooks;
pub mod login;
mod login_address;
pub mod machine;
pub mod me;
pub mod membership;
pub mod password;
pub mod peer;
mod second_factor;
pub mod session;
pub mod signing_key;
pub mod team;
pub mod throttle;
pub mod token;
pub mod user;

use utoipa_actix_web::service_config::ServiceConfig;

pub use authenticate::authenticate;
pub use directory::Directory;
pub use login::{LoginPolicy, Logins};
pub use me::Permissions;
pub use membership::team_paths;
pub use peer::TrustProxy;
pub use signing_key::root_routes;
pub use team::find_teams;
pub use token::Tokens;
pub use user::find_users;

access::permissions! {
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
