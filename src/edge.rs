//! Processing of every request between the network and the routes: ids, languages, limits, headers,
//! metrics and logs.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use metrics::{counter, histogram};
use platform::language::{Translate, prefers_chinese, speaking};
use platform::money::with_currency;
use platform::{Actor, Clock, Ending, Error, Result, utf8};
use surveys::public::is_public;
use uuid::Uuid;

use crate::compression::compress;
use crate::{document, problems};

/// Limit of a path with its query, in bytes.
const LONGEST_URI: usize = 8 << 10;

/// Limit of all headers together, in bytes.
const MOST_HEADERS: usize = 32 << 10;

/// Gives each request an id, which is sent in a header and as the `instance` of a problem. Handles
/// HEAD as GET, without the body. Counts, times and logs the request. Tokens, bodies and query
/// strings are not logged, because they contain personal data.
pub async fn receive(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let (id, start) = (Uuid::now_v7().to_string(), Instant::now());
    let method = req.method().clone();
    detach(&mut req);
    if method == Method::HEAD {
        req.head_mut().method = Method::GET;
    }

    let chinese = prefers_chinese(req.headers()).unwrap_or(false);
    let chinese: Option<Translate> = chinese.then_some(problems::chinese);
    let mut response = if let Some(error) = refused(&req) {
        req.error_response(error).map_into_boxed_body()
    } else {
        let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");
        let currency = clock.currency();
        speaking(chinese, with_currency(currency, next.call(req))).await?.map_into_boxed_body()
    };

    let error = response.response().error().and_then(|error| error.as_error::<Error>());
    if let Some(error) = error {
        let answer = error.answer(Some(&id), chinese);
        let answer = surveys::public::readable(response.request(), error.code(), answer);
        response = replaced(response, answer);
    }

    let mut response = compress(response);
    protect(&mut response);
    if response.request().app_data::<Data<Ending>>().is_some_and(|ending| ending.has_begun()) {
        // An open connection would keep the process alive.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }

    if method == Method::HEAD {
        response = response.map_body(|_, body| BoxBody::new(Unsent(body.size())));
    }

    if let Ok(id) = id.parse() {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    tell(&response, &method, &id, start);
    Ok(response)
}

/// Copies the values that the parser left as slices of its read buffer, which also holds the
/// beginning of the body. actix keeps some hundred heads for reuse: without copies, each of them
/// would keep 128 KiB.
fn detach(req: &mut ServiceRequest) {
    let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes());
    let head = req.head_mut();
    head.headers.retain(|_, value| copy(value).map(|copy| *value = copy).is_ok());
    if let Ok(uri) = head.uri.to_string().parse::<Uri>() {
        head.uri = uri.clone();
        req.match_info_mut().get_mut().update(&uri);
    }
}

/// Replaces the response, but keeps the headers that are set already, such as those for browsers.
fn replaced(
    before: ServiceResponse<BoxBody>,
    mut answer: HttpResponse,
) -> ServiceResponse<BoxBody> {
    let missing = |name: &&HeaderName| !answer.headers().contains_key(*name);
    let missing: Vec<_> = before.headers().keys().filter(missing).cloned().collect();
    for name in missing {
        for value in before.headers().get_all(&name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    before.into_response(answer)
}

/// A body with the size that GET would send, but without content.
struct Unsent(BodySize);

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }
    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Returns the error of a request that is refused without looking for a route.
fn refused(req: &ServiceRequest) -> Option<Error> {
    let uri = req.uri();
    if uri.path_and_query().is_some_and(|path| path.as_str().len() > LONGEST_URI) {
        let detail = "Path and query can have at most 8 KiB together.";
        return Some(Error::bad_request("uri_too_long", detail));
    }

    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    if req.headers().iter().map(size).sum::<usize>() > MOST_HEADERS {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(Error::new(status, "headers_too_large"));
    }

    if let Err(error) = utf8::check(uri, req.headers()) {
        return Some(error);
    }

    let exact = PATHS.iter().find(|known| known.0.pattern() == Some(uri.path()));
    if let Some((_, allow)) = exact
        && req.method() != Method::OPTIONS
        && !allow.split(", ").any(|allowed| allowed == req.method().as_str())
    {
        // Otherwise `PATCH /customers/batch` would change the customer "batch".
        return Some(Error::method_not_allowed(allow.clone()));
    }

    let accept = req.headers().get(ACCEPT)?.to_str().ok()?;
    let takes =
        |kind: &str| accept.split(',').any(|range| range.trim().split(';').next() == Some(kind));
    let good = ["*/*", "application/*", "application/json", "application/problem+json", "text/csv"];
    let file = ["/content", "/thumbnail"].iter().any(|end| uri.path().ends_with(end));
    let page = is_public(uri.path());
    let ours = page || (uri.path().starts_with("/api/") && !file);
    let page = page && ["text/html", "text/*"].into_iter().any(takes);
    let unacceptable = ours && !accept.trim().is_empty() && !page && !good.into_iter().any(takes);
    unacceptable.then(|| Error::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable"))
}

/// Sets the headers for browsers. Only the documentation and responses with their own policy are
/// pages.
fn protect(response: &mut ServiceResponse<BoxBody>) {
    let docs = response.request().path().starts_with("/docs");
    let public = is_public(response.request().path());
    let policy = if docs {
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
         frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };

    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    if public {
        let robots = HeaderName::from_static("x-robots-tag");
        headers.insert(robots, HeaderValue::from_static("noindex"));
    }
    if !docs && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Counts, times and logs a request.
fn tell(response: &ServiceResponse<BoxBody>, method: &Method, id: &str, start: Instant) {
    let req = response.request();
    // The pattern and not the path: as a label, every id would be a series of its own.
    let route = req.match_pattern().unwrap_or_else(|| "unmatched".into());
    let status = response.status().as_u16();
    let took = start.elapsed();
    let method = label_of(method);
    let labels =
        [("method", method.to_owned()), ("route", route.clone()), ("status", status.to_string())];
    counter!("http_requests_total", &labels).increment(1);
    histogram!("http_request_seconds", &labels[..2]).record(took.as_secs_f64());

    let caller = req.extensions().get::<Actor>().map(|actor| actor.id.to_string());
    // JSON has no numbers of 128 bits.
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let caller = caller.unwrap_or_default();
    tracing::info!(target: "salesbook::http", id, caller, method, route, status, ms, "request");
}

/// Returns the method as a label. Clients can invent methods, and each label is kept for ever.
fn label_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        _ => "other",
    }
}

/// All paths of the document with their methods.
static PATHS: LazyLock<Vec<(ResourceDef, String)>> = LazyLock::new(|| {
    let paths = document::openapi().paths.paths.into_iter();
    let allow = |mut item| {
        let methods: Vec<_> = document::methods(&mut item).map(|(name, _)| name).collect();
        methods.join(", ")
    };
    paths.map(|(path, item)| (ResourceDef::new(path), allow(item))).collect()
});

/// Returns the methods of a path. An exact match comes first: `/customers/batch` before
/// `/customers/{id}`.
fn methods_of(path: &str) -> Option<&'static str> {
    let mut fitting = PATHS.iter().filter(|entry| entry.0.is_match(path));
    let exact = PATHS.iter().find(|entry| entry.0.pattern() == Some(path));
    exact.or_else(|| fitting.next()).map(|entry| entry.1.as_str())
}

/// Answers other methods of an existing path with 405, and everything else with 404.
pub async fn no_such_operation(req: HttpRequest) -> Result<HttpResponse> {
    let allow = methods_of(req.path()).ok_or_else(Error::not_found)?;
    if req.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header(("Allow", allow)).finish());
    }
    Err(Error::method_not_allowed(allow.to_owned()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_kept_head_keeps_no_body() {
        let buffer = Bytes::from("/api/v1/me?limit=1 a value and a long body".to_owned());
        let value = HeaderValue::from_maybe_shared(buffer.slice(19..26)).unwrap();
        let mut head = TestRequest::default().insert_header(("x-kept", value)).to_request();
        head.head_mut().uri = Uri::from_maybe_shared(buffer.slice(..18)).unwrap();
        let mut req = TestRequest::default().to_srv_request();
        *req.head_mut() = std::mem::take(head.head_mut());
        assert!(!buffer.is_unique());

        detach(&mut req);

        assert!(buffer.is_unique());
        assert_eq!(req.headers().get("x-kept").unwrap(), "a value");
        assert_eq!((req.path(), req.query_string()), ("/api/v1/me", "limit=1"));
    }
}
