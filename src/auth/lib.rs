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

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

pub use authenticate::authenticate;
pub use directory::Directory;
pub use login::{LoginPolicy, Logins};
pub use me::Permissions;
pub use membership::team_paths;
pub use peer::TrustProxy;
pub use team::find_teams;
pub use token::Tokens;
pub use user::find_users;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[
        login::routes,
        machine::routes,
        me::routes,
        session::routes,
        second_factor::routes,
        user::http::routes,
        team::http::routes,
        membership::http::routes,
        api_client::routes,
        signing_key::routes,
    ],
    root_routes: &[signing_key::root_routes],
    permissions: PERMISSIONS,
    jobs: &[
        Job {
            name: "signing_keys",
            every: Duration::from_hours(6),
            run: |tx| Box::pin(signing_key::rotate_due(tx)),
        },
        Job {
            name: "memberships",
            every: Duration::from_mins(1),
            run: |tx| Box::pin(user::apply_memberships(tx)),
        },
        Job {
            name: "refresh_tokens",
            every: Duration::from_hours(1),
            run: |tx| Box::pin(session::forget_expired(tx)),
        },
    ],
    ..Domain::new("auth", "Authentication, permissions 登录与权限, people 人员, teams 团队")
};

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
