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
use super::{Permission, Role, Tokens};

/// Who is calling, with the roles and the reach of this moment (not of the token's).
#[derive(Debug, Clone)]
pub struct Caller(Arc<Person>);

impl Caller {
    /// The caller that decisions see: for tests and for what the service itself does.
    pub fn of(person: Person) -> Self {
        Self(Arc::new(person))
    }

    pub fn id(&self) -> Uuid {
        self.0.id
    }

    pub fn roles(&self) -> &[Role] {
        &self.0.roles
    }

    pub fn is(&self, role: Role) -> bool {
        self.0.roles.contains(&role)
    }

    /// Does one of the roles hold this permission?
    pub fn may<P: Permission>(&self) -> bool {
        P::ROLES.iter().any(|role| self.is(*role))
    }

    /// A program, not a person.
    pub fn is_machine(&self) -> bool {
        self.0.machine
    }

    /// The system that an API client speaks for.
    pub fn source_system(&self) -> Option<&str> {
        self.0.source_system.as_deref()
    }

    /// The owners whose rows the caller sees; nothing means that there is no limit.
    pub fn reach(&self) -> Option<&[Uuid]> {
        let unlimited = self.0.roles.iter().any(|role| role.sees_everything());
        (!unlimited).then_some(&self.0.reach)
    }

    /// The same for customers, orders, invoices and payments, which finance sees all of.
    pub fn reach_of_accounts(&self) -> Option<&[Uuid]> {
        let unlimited = self.0.roles.iter().any(|role| role.sees_accounts());
        (!unlimited).then_some(&self.0.reach)
    }

    /// The caller and the members of all teams below one that the caller leads today.
    pub fn people(&self) -> &[Uuid] {
        &self.0.reach
    }

    /// The teams that the caller leads today, and all below them.
    pub fn teams(&self) -> &[Uuid] {
        &self.0.teams
    }

    pub fn sees_pool(&self) -> bool {
        self.0.roles.iter().any(|role| role.sees_pool())
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
    let person = tokens.verify(token, clock.now()).await?;
    directory.person(person).await?.map(Caller).ok_or_else(Error::unauthorized)
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
            let allowed = caller.may::<P>();
            allowed.then_some(Self(caller, PhantomData)).ok_or_else(Error::forbidden)
        }))
    }
}
