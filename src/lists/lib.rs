//! What all lists and single reads can do beside their filters: `expand` adds the names of related
//! rows, `fields` selects, `Accept: text/csv` makes a table; ids may be `external:<source>:<id>`.
//!
//! A middleware, so that no handler has to know of it: the handler answers as ever, and its answer is
//! changed on the way out. What each resource has to offer follows from the document.

mod asked;
mod collections;
mod describe;
mod expand;
mod external;
mod object;
mod related;
mod table;
mod view;

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use auth::Caller;
use platform::resource::{etag, is_known};
use platform::{Db, Error, Result};
use reports::turns::{Turn, Turns};

use asked::Asked;
use object::{Object, raw};
pub use view::{View, Views};

/// Middleware: replaces external ids in the path and the query, and gives the answer the form that
/// was asked for.
pub async fn present(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Err(error) = external::replace(&mut req).await {
        return Ok(req.error_response(error).map_into_boxed_body());
    }
    let views =
        *req.app_data::<Data<&'static Views>>().expect("the app registers the views").get_ref();
    let Some((view, asked)) = Asked::of(&mut req, views) else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };

    // A table has up to 10,000 rows: it waits for its turn, as reports do.
    let _turn = match turn(&req, &asked).await {
        Ok(turn) => turn,
        Err(error) => return Ok(req.error_response(error).map_into_boxed_body()),
    };
    let response = next.call(req).await?.map_into_boxed_body();
    // Who may not read it at all is told that first.
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let (req, response) = response.into_parts();
    Ok(match show(&req, view, &asked, response).await {
        Ok(response) => ServiceResponse::new(req, response),
        Err(error) => ServiceResponse::from_err(error, req),
    })
}

async fn turn(req: &ServiceRequest, asked: &Asked) -> Result<Option<Turn>> {
    let caller = req.extensions().get::<Caller>().map(Caller::id);
    let Some(caller) = caller.filter(|_| asked.csv) else { return Ok(None) };
    let turns = req.app_data::<Data<Turns>>().expect("the app registers the turns");
    turns.take(caller, false).await.map(Some)
}

/// The answer in the form that was asked for.
async fn show(
    req: &HttpRequest,
    view: &View,
    asked: &Asked,
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

/// One row with its ETag: the version as it was, the hash of what is shown now.
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

/// Takes what a reader knows out of the request: it is about the answer as it will be shown.
fn take_known(req: &mut ServiceRequest) -> Vec<HeaderValue> {
    let known = req.headers().get_all(IF_NONE_MATCH).cloned().collect();
    req.headers_mut().remove(IF_NONE_MATCH);
    known
}
