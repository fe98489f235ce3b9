//! Compression of responses that gain by it and contain no secret.

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

/// Smallest body that is compressed, in bytes. A smaller one fits into one packet with its headers.
const LEAST: u64 = 1024;

/// Compresses the body in a coding that the caller accepts: `br` before `gzip`. The work is done
/// beside the request workers, so that a large response delays nobody. Must be called before
/// headers such as `Cache-Control` get their defaults.
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

/// Returns true if the response is compressed for callers that accept it, given its size.
///
/// A response with a secret is never compressed: its compressed length would tell someone who can
/// put text into it how much of that text the secret contains (BREACH). Handlers forbid storing
/// such responses, and at this point nothing else does. Files keep their ranges, and most are
/// compressed already.
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

/// Returns the coding that the caller prefers. An unreadable header counts as absent.
pub fn accepted(request: &HttpRequest) -> ContentEncoding {
    let ours = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let accept = AcceptEncoding::parse(request).ok();
    match accept.and_then(|accept| accept.negotiate(ours.iter())) {
        Some(Encoding::Known(coding)) => coding,
        _ => ContentEncoding::Identity,
    }
}

/// Compresses a text that is the same for all readers, who share the copy.
pub async fn compressed(coding: ContentEncoding, text: &'static str) -> Result<Bytes> {
    let body = Encoder::response(coding, &mut ResponseHead::new(StatusCode::OK), text);
    to_bytes(body).await.map_err(|error| Error::internal(error.to_string()))
}

/// Sets the headers of a body that is compressed already.
pub fn mark_compressed(response: &mut HttpResponse, coding: ContentEncoding) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    weaken(headers);
}

/// Makes the ETag weak. A strong ETag stands for identical bytes, but all codings of a state share
/// their ETag (RFC 9110, 8.8.1). `If-Match` accepts weak ones, too.
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG).and_then(|tag| tag.to_str().ok()) else { return };
    let weak = (!tag.starts_with("W/")).then(|| HeaderValue::from_str(&format!("W/{tag}")));
    if let Some(Ok(weak)) = weak {
        headers.insert(ETAG, weak);
    }
}

/// Makes the ETag weak for a client that has the compressed state under it.
fn keep_weak(response: &mut ServiceResponse<BoxBody>) {
    let known = response.request().headers().get_all(IF_NONE_MATCH);
    let mut known = known.filter_map(|known| known.to_str().ok());
    let weak = known.any(|known| known.contains("W/"));
    if response.status() == StatusCode::NOT_MODIFIED && weak {
        weaken(response.headers_mut());
    }
}
