//! The middleware that identifies the caller of a request.

use access::{Caller, Refused};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web::Data};
use platform::{Actor, Clock, Error, Result};

use crate::{Directory, Tokens};

/// Middleware that identifies the caller and stores it in the request. Waiting for the directory
/// happens here, so that [`access::Can`] can decide immediately: 401 and 403 win over errors in the
/// body.
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
    Ok(Caller::signed_in(person, token.session, second_factor_due))
}
