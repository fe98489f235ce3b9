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
use platform::{Actor, Clock, Error, Result};
use uuid::Uuid;

use super::directory::{Directory, Person};
use super::{Anybody, Permission, Role, Tokens};

/// Who is calling, with the roles and the reach of this moment (not of the token's).
#[derive(Debug, Clone)]
pub struct Caller {
    person: Arc<Person>,
    session: Option<Uuid>,
    second_factor_due: bool,
}

impl Caller {
    /// The caller that decisions see: for tests and for what the service itself does.
    pub fn of(person: Person) -> Self {
        Self { person: Arc::new(person), session: None, second_factor_due: false }
    }

    /// The session that the request belongs to.
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

    /// Does one of the roles hold this permission?
    pub fn may<P: Permission>(&self) -> bool {
        P::ROLES.iter().any(|role| self.is(*role))
    }

    /// A program, not a person.
    pub fn is_machine(&self) -> bool {
        self.person.machine
    }

    /// The system that an API client speaks for.
    pub fn source_system(&self) -> Option<&str> {
        self.person.source_system.as_deref()
    }

    /// The owners whose rows the caller sees; nothing means that there is no limit.
    pub fn reach(&self) -> Option<&[Uuid]> {
        let unlimited = self.person.roles.iter().any(|role| role.sees_everything());
        (!unlimited).then_some(&self.person.reach)
    }

    /// The same for customers, orders, invoices and payments, which finance sees all of.
    pub fn reach_of_accounts(&self) -> Option<&[Uuid]> {
        let unlimited = self.person.roles.iter().any(|role| role.sees_accounts());
        (!unlimited).then_some(&self.person.reach)
    }

    /// The caller and the members of all teams below one that the caller leads today.
    pub fn people(&self) -> &[Uuid] {
        &self.person.reach
    }

    /// The teams that the caller leads today, and all below them.
    pub fn teams(&self) -> &[Uuid] {
        &self.person.teams
    }

    pub fn sees_pool(&self) -> bool {
        self.person.roles.iter().any(|role| role.sees_pool())
    }
}

/// Middleware: finds out who is calling and leaves it in the request. It may wait for the
/// directory; `Can` then answers at once, so that 401 and 403 win over faults of the body.
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

/// Why there is no caller.
struct Refused(Error);

async fn identify(req: &ServiceRequest) -> Result<Caller> {
    let mut headers = req.headers().get_all(AUTHORIZATION);
    let header = headers.next().and_then(|header| header.to_str().ok()?.split_once(' '));
    // Two of them: whoever stands before us may have looked at the other one.
    let header =
        header.filter(|it| it.0.eq_ignore_ascii_case("bearer") && headers.next().is_none());
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
    let why = "your roles require a second factor; set one up with `POST /me/second-factor`";
    Error::forbidden_because("second_factor_setup_required", why)
}

/// A [`Caller`] whose roles hold the permission `P`. Put it first in a handler's arguments,
/// so that a request is turned away before its body is read.
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
            if caller.second_factor_due && P::NAME != Anybody::NAME {
                return Err(second_factor_due());
            }
            let allowed = caller.may::<P>();
            allowed.then_some(Self(caller, PhantomData)).ok_or_else(Error::forbidden)
        }))
    }
}
