//! Compresses answers that gain by it and hold no secret.

use actix_http::ResponseHead;
use actix_http::encoding::Encoder;
use actix_web::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ContentEncoding,
    ETAG, Encoding, Header, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use platform::{Error, Result};
use surveys::public::is_public;

/// Bytes of the smallest body that is compressed. A smaller one fits into one packet with its headers.
const LEAST: u64 = 1024;

/// Compresses the body in a coding that the caller accepts: `br` before `gzip`. The work is done
/// beside the request workers, so that a large answer keeps nobody waiting. Call it before headers
/// such as `Cache-Control` get their defaults.
#[must_use]
pub fn compress(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !may_vary(&response) {
        return response;
    }

    let large = match response.response().body().size() {
        BodySize::Sized(size) => size >= LEAST,
        BodySize::Stream => true,
        BodySize::None => false,
    };
    let coding = if large { accepted(response.request()) } else { ContentEncoding::Identity };
    if coding == ContentEncoding::Identity {
        keep_weak(&mut response);
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        return response;
    }

    weaken(response.headers_mut());
    response.map_body(|head, body| Encoder::response(coding, head, body).boxed())
}

/// Whether this answer is compressed for callers that accept it, given its size.
///
/// An answer with a secret never is: its compressed length would tell somebody who can put text
/// into it how much of that text the secret contains (BREACH). Handlers forbid storing such answers,
/// and nothing else forbids it before this. Files keep their ranges, and most are compressed already.
fn may_vary(response: &ServiceResponse<BoxBody>) -> bool {
    let headers = response.headers();
    let secret = headers.get(CACHE_CONTROL).is_some_and(|value| value == "no-store")
        || is_public(response.request().path());
    let fixed = headers.contains_key(CONTENT_ENCODING) || headers.contains_key(ACCEPT_RANGES);
    let same = response.status() == StatusCode::NOT_MODIFIED;
    !secret && !fixed && (same || is_text(headers))
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || kind.ends_with("json")
        || matches!(kind, "application/javascript" | "application/xml" | "image/svg+xml")
}

/// The coding that the caller likes best. A header that nobody can read is none.
pub fn accepted(request: &HttpRequest) -> ContentEncoding {
    let ours = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let accept = AcceptEncoding::parse(request).ok();
    match accept.and_then(|accept| accept.negotiate(ours.iter())) {
        Some(Encoding::Known(coding)) => coding,
        _ => ContentEncoding::Identity,
    }
}

/// A text in a coding. For what is the same for all readers: they share one compressed copy.
pub async fn compressed(coding: ContentEncoding, text: &'static str) -> Result<Bytes> {
    let body = Encoder::response(coding, &mut ResponseHead::new(StatusCode::OK), text);
    to_bytes(body).await.map_err(|error| Error::internal(error.to_string()))
}

/// Says in the headers that the body was compressed before.
pub fn mark_compressed(response: &mut HttpResponse, coding: ContentEncoding) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    weaken(headers);
}

/// A strong ETag stands for the very same bytes; the codings of one state have a weak one in common
/// (RFC 9110, 8.8.1). `If-Match` takes it, too.
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG).and_then(|tag| tag.to_str().ok()) else { return };
    let weak = (!tag.starts_with("W/")).then(|| HeaderValue::from_str(&format!("W/{tag}")));
    if let Some(Ok(weak)) = weak {
        headers.insert(ETAG, weak);
    }
}

/// A reader that has the compressed state keeps the ETag under which it was sent.
fn keep_weak(response: &mut ServiceResponse<BoxBody>) {
    let known = response.request().headers().get_all(IF_NONE_MATCH);
    let mut known = known.filter_map(|known| known.to_str().ok());
    let weak = known.any(|known| known.contains("W/"));
    if response.status() == StatusCode::NOT_MODIFIED && weak {
        weaken(response.headers_mut());
    }
}
