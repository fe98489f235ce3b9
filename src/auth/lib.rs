//! Who is calling and what they may do: tokens name a person, the directory knows the person's
//! roles and reach, permissions and [`reach::InReach`] decide.

mod caller;
pub mod directory;
pub mod import;
pub mod membership;
pub mod policy;
pub mod reach;
pub mod reference;
pub mod team;
pub mod token;
pub mod user;

pub use caller::{Caller, Can, authenticate};
pub use directory::{Directory, Person};
pub use import::{Arrival, Draft, Imported, Keys, import};
pub use membership::team_paths;
pub use policy::{Permission, Role};
pub use reference::{Body, Reference, Refers};
pub use team::find_teams;
pub use token::Tokens;
pub use user::find_users;
