//! The authenticated caller, as a handler argument.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web::Data};
use platform::{Actor, Argument, Clock, Error, Refusals, Result};
use uuid::Uuid;

use super::directory::{Directory, Person};
use super::{Anybody, Permission, Role, Tokens};

/// The authenticated caller, with the current roles and visible users, not those at the time when
/// the token was issued.
#[derive(Debug, Clone)]
pub struct Caller {
    person: Arc<Person>,
    session: Option<Uuid>,
    second_factor_due: bool,
}

impl Caller {
    /// Makes a caller without a session: for tests and for work of the service itself.
    pub fn of(person: Person) -> Self {
        Self { person: Arc::new(person), session: None, second_factor_due: false }
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

    /// Returns `true` if the caller sees customers without an owner, the pool 公海.
    pub fn sees_pool(&self) -> bool {
        self.person.roles.iter().any(|role| role.sees_pool())
    }
}

/// Middleware that identifies the caller and stores it in the request. Waiting for the directory
/// happens here, so that [`Can`] can decide immediately: 401 and 403 win over errors in the body.
pub async fn authenticate(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    match identify(&req).await {
        Ok(caller) => {
            req.extensions_mut().insert(Actor { id: caller.id(), machine: caller.is_machine() });
            req.extensions_mut().insert(caller);
        }
        Err(error) => drop(req.extensions_mut().insert(Refused(error))),
    }
    next.call(req).await
}

/// The reason why a request has no caller.
struct Refused(Error);

async fn identify(req: &ServiceRequest) -> Result<Caller> {
    let mut headers = req.headers().get_all(AUTHORIZATION);
    let header = headers.next().and_then(|header| header.to_str().ok()?.split_once(' '));
    // A second header is refused, because a proxy may have checked the other one.
    let header =
        header.filter(|pair| pair.0.eq_ignore_ascii_case("bearer") && headers.next().is_none());

    let tokens = req.app_data::<Data<Tokens>>().expect("the app registers the token keys");
    let directory = req.app_data::<Data<Directory>>().expect("the app registers the directory");
    let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");

    let token = header.ok_or_else(Error::unauthorized)?.1;
    let token = tokens.verify(token, clock.now()).await?;
    let entry = directory.holder(&token).await?.ok_or_else(Error::unauthorized)?;
    let (person, second_factor_due) = (entry.person.clone(), entry.second_factor_due);
    Ok(Caller { person, session: token.session, second_factor_due })
}

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
