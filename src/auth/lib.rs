//! Authentication and authorisation. A token names a user, the directory knows the user's current
//! roles and visible users, and permissions and [`visible::Visible`] decide. This crate also holds
//! users, teams and API clients, and their logins.

pub mod api_client;
mod arrive;
mod authority;
mod caller;
pub mod directory;
mod domain;
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

use std::time::Duration;

use platform::jobs::Job;

pub use caller::{Caller, Can, authenticate};
pub use directory::{Directory, Person};
pub use domain::Domain;
pub use import::{Arrival, Draft, Imported, Keys, import};
pub use login::{LoginPolicy, Logins};
pub use me::Permissions;
pub use membership::team_paths;
pub use peer::TrustProxy;
pub use policy::{Permission, Role};
pub use reference::{Body, HasReferences, Reference};
pub use team::find_teams;
pub use token::Tokens;
pub use unique::Unique;
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
