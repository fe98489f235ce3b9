//! The authenticated caller, as a handler argument.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use platform::row_rule::EVERYBODY;
use platform::{Argument, Error, Refusals, Result};
use uuid::Uuid;

use super::{Anybody, Permission, Role};

/// A user or API client, with the data that decisions need.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub roles: Vec<Role>,
    /// `true` for an API client
    pub machine: bool,
    /// The source system of an API client
    pub source_system: Option<String>,
    /// The visible users: the person, and the members of `teams`
    pub reach: Vec<Uuid>,
    /// The teams that the person leads today, and all teams below them
    pub teams: Vec<Uuid>,
}

/// The authenticated caller, with the current roles and visible users, not those at the time when
/// the token was issued.
#[derive(Debug, Clone)]
pub struct Caller {
    person: Arc<Person>,
    session: Option<Uuid>,
    second_factor_due: bool,
}

impl Caller {
    /// Makes the caller of a request.
    pub fn signed_in(person: Arc<Person>, session: Option<Uuid>, second_factor_due: bool) -> Self {
        Self { person, session, second_factor_due }
    }

    /// Makes a caller without a session: for tests and for work of the service itself.
    pub fn of(person: Person) -> Self {
        Self::signed_in(Arc::new(person), None, false)
    }

    /// The session of the request.
    pub fn session(&self) -> Option<Uuid> {
        self.session
    }

    pub fn id(&self) -> Uuid {
        self.person.id
    }

    pub fn roles(&self) -> &[Role] {
        &self.person.roles
    }

    pub fn is(&self, role: Role) -> bool {
        self.person.roles.contains(&role)
    }

    /// Returns `true` if one of the roles holds the permission.
    pub fn may<P: Permission>(&self) -> bool {
        P::ROLES.iter().any(|role| self.is(*role))
    }

    /// Returns `true` for an API client, `false` for a user.
    pub fn is_machine(&self) -> bool {
        self.person.machine
    }

    /// The source system of an API client.
    pub fn source_system(&self) -> Option<&str> {
        self.person.source_system.as_deref()
    }

    /// The owners whose rows the caller sees. `None` if the caller sees every row.
    pub fn reach(&self) -> Option<&[Uuid]> {
        let unlimited = self.person.roles.iter().any(|role| role.sees_everything());
        (!unlimited).then_some(&self.person.reach)
    }

    /// The owners whose customers, orders, invoices and payments the caller sees. `None` if the
    /// caller sees all of them, as finance does.
    pub fn reach_of_accounts(&self) -> Option<&[Uuid]> {
        let unlimited = self.person.roles.iter().any(|role| role.sees_accounts());
        (!unlimited).then_some(&self.person.reach)
    }

    /// The caller and the members of all teams that the caller leads today, and of the teams below.
    pub fn people(&self) -> &[Uuid] {
        &self.person.reach
    }

    /// The teams that the caller leads today, and all teams below them.
    pub fn teams(&self) -> &[Uuid] {
        &self.person.teams
    }

    /// The ids that stand for the caller in an array of viewers: visible people, teams, roles, and
    /// everybody.
    pub fn audience(&self) -> Vec<Uuid> {
        let roles = self.roles().iter().map(|role| role.id());
        [self.people(), self.teams()].concat().into_iter().chain(roles).chain(EVERYBODY).collect()
    }

    /// Returns `true` if the caller sees customers without an owner, the pool 公海.
    pub fn sees_pool(&self) -> bool {
        self.person.roles.iter().any(|role| role.sees_pool())
    }

    /// Returns `true` if the caller sees all fields of all users.
    pub fn knows_everybody(&self) -> bool {
        use Role::{Admin, BackOffice, Erp, GeneralManager, Hr, SalesDirector};
        let roles = [Admin, Hr, Erp, GeneralManager, SalesDirector, BackOffice];
        roles.iter().any(|role| self.is(*role))
    }

    /// Returns `true` if the caller sees all fields of a user.
    pub fn knows(&self, person: Uuid) -> bool {
        self.knows_everybody() || self.people().contains(&person)
    }
}

/// The reason why a request has no caller.
pub struct Refused(pub Error);

fn second_factor_due() -> Error {
    let why = "Your roles require a second factor. Set one up with `POST /me/second-factor`.";
    Error::forbidden_because("second_factor_setup_required", why)
}

/// A [`Caller`] whose roles hold the permission `P`. It must be the first argument of a handler, so
/// that a request is refused before its body is read.
pub struct Can<P>(Caller, PhantomData<P>);

impl<P> Deref for Can<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<P: Permission> FromRequest for Can<P> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = req.extensions().get::<Caller>().cloned();
        let refused = || req.extensions_mut().remove::<Refused>().map(|refused| refused.0);
        let caller = caller.ok_or_else(|| refused().unwrap_or_else(Error::unauthorized));
        ready(caller.and_then(|caller| {
            // Without the required second factor, only operations that are open to every signed-in
            // caller work, such as setting it up.
            if caller.second_factor_due && P::NAME != Anybody::NAME {
                return Err(second_factor_due());
            }
            let allowed = caller.may::<P>();
            allowed.then_some(Self(caller, PhantomData)).ok_or_else(Error::forbidden)
        }))
    }
}

impl<P: Permission> Argument for Can<P> {
    const PERMISSION: Option<&'static str> = Some(P::NAME);
    const REFUSALS: Refusals =
        &[(401, "unauthorized"), (403, "forbidden"), (403, "second_factor_setup_required")];
}
