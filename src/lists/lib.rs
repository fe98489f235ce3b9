//! Common options of all lists and single reads: `expand` adds the names of related rows, `fields`
//! selects fields, `Accept: text/csv` returns a table, and ids may be `external:<source>:<id>`.
//!
//! This is a middleware, so that handlers need not know of it: they answer as usual, and their
//! answer is transformed on the way out. The options of each resource are derived from the API
//! document.

mod describe;
mod expand;
mod external;
mod object;
mod related;
mod request;
mod table;
mod view;

use access::Caller;
use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use platform::resource::{etag, is_known};
use platform::{Db, Error, Result};
use reports::permits::{ReportPermit, ReportPermits};

use object::{Object, raw};
use request::ListRequest;
pub use view::{View, Views};

/// Middleware that replaces external ids in the path and the query, and converts the answer to the
/// requested form.
pub async fn present(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Err(error) = external::replace(&mut req).await {
        return Ok(req.error_response(error).map_into_boxed_body());
    }

    let views =
        *req.app_data::<Data<&'static Views>>().expect("the app registers the views").get_ref();
    let Some((view, asked)) = ListRequest::of(&mut req, views) else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };

    // A table has up to 10,000 rows, so it waits for its turn like a report.
    let _turn = match turn(&req, &asked).await {
        Ok(turn) => turn,
        Err(error) => return Ok(req.error_response(error).map_into_boxed_body()),
    };
    let response = next.call(req).await?.map_into_boxed_body();
    // Errors of the handler, such as missing rights, take precedence over those of the form.
    if response.status() != StatusCode::OK {
        return Ok(response);
    }

    let (req, response) = response.into_parts();
    Ok(match show(&req, view, &asked, response).await {
        Ok(response) => ServiceResponse::new(req, response),
        Err(error) => ServiceResponse::from_err(error, req),
    })
}

/// Takes the turn of the caller if the answer is a table.
async fn turn(req: &ServiceRequest, asked: &ListRequest) -> Result<Option<ReportPermit>> {
    let caller = req.extensions().get::<Caller>().map(Caller::id);
    let Some(caller) = caller.filter(|_| asked.csv) else { return Ok(None) };
    let turns = req.app_data::<Data<ReportPermits>>().expect("the app registers the turns");
    turns.take(caller, false).await.map(Some)
}

/// Converts the answer to the requested form.
async fn show(
    req: &HttpRequest,
    view: &View,
    asked: &ListRequest,
    response: HttpResponse,
) -> Result<HttpResponse> {
    asked.check(view)?;
    let (response, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(|_| Error::internal("a body that is not sent"))?;
    let mut whole: Object = serde_json::from_slice(&body).map_err(Error::internal)?;
    let mut items = if view.is_list { whole.list("items")? } else { vec![whole.clone()] };

    let expansions = asked.expansions(view);
    if !expansions.is_empty() {
        let caller = req.extensions().get::<Caller>().cloned().ok_or_else(Error::unauthorized)?;
        let db = Db::extract(req).await?;
        expand::expand(&db, &caller, &expansions, &mut items).await?;
    }

    if asked.csv {
        if asked.is_whole && whole.get("next_cursor").is_some() {
            return Err(table::too_many_rows());
        }
        return table::answer(req, response, view, asked, &items).await;
    }
    for item in &mut items {
        item.retain(|name| asked.keeps(view, name));
    }

    if view.is_list {
        whole.set("items", raw(&items)?);
        return Ok(response.set_body(BoxBody::new(raw(&whole)?.get().to_owned())));
    }
    alone(response, raw(&items[0])?.get().to_owned(), &asked.known)
}

/// Responds with a single row. Its ETag keeps the version of the handler's answer, with the hash of
/// the body that is returned now.
fn alone(
    mut response: HttpResponse<()>,
    body: String,
    known: &[HeaderValue],
) -> Result<HttpResponse> {
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let version = tag.and_then(|tag| tag.trim_matches('"').split('-').next()?.parse().ok());
    let tag = etag(version.unwrap_or_default(), body.as_bytes());
    let fresh =
        known.iter().filter_map(|value| value.to_str().ok()).any(|value| is_known(value, &tag));

    let tag = HeaderValue::try_from(tag).map_err(Error::internal)?;
    response.headers_mut().insert(ETAG, tag);
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
        return Ok(response.set_body(BoxBody::new(())));
    }
    Ok(response.set_body(BoxBody::new(body)))
}

/// Removes `If-None-Match` from the request and returns its values. They must be compared with the
/// converted answer, and not with the one of the handler.
fn take_known(req: &mut ServiceRequest) -> Vec<HeaderValue> {
    let known = req.headers().get_all(IF_NONE_MATCH).cloned().collect();
    req.headers_mut().remove(IF_NONE_MATCH);
    known
}
