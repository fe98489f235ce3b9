//! Strict extractors. A handler never sees an invalid value.
//!
//! Unreadable requests and faults in the path or in the query ([`query`](super::query)) are answered
//! with 400. A JSON body that does not conform to the document is answered with 422. One answer lists
//! all faults.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{Error, Fault, Result};
use super::routes::{Argument, Refusals};
use super::share::Bodies;
use super::{json, shape};

/// Size limits in bytes: bodies of batches, of authentication, and of all other operations.
const BATCH_LIMIT: usize = 32 << 20;
const AUTH_LIMIT: usize = 4 << 10;
const BODY_LIMIT: usize = 1 << 20;

/// Time limit for receiving a body.
const PATIENCE: Duration = Duration::from_secs(25);

/// Time limit for operations whose bodies have at most [`LITTLE`] bytes, such as signing in. They
/// are open to anonymous clients, who share little memory.
const LITTLE_PATIENCE: Duration = Duration::from_secs(5);
const LITTLE: usize = 16 << 10;

/// A file upload gets one more second for each of these bytes that have arrived, because a phone in
/// the field is slow, not hostile.
const PACE: usize = 32 << 10;

/// The digest of the raw body, stored in the request for the fingerprint of an Idempotency-Key.
pub(crate) struct BodyDigest(pub Vec<u8>);

/// Sets the parts by which a repeated request is recognised, for requests whose raw body may differ
/// from one attempt to the next.
pub fn same_by(req: &HttpRequest, parts: &[&[u8]]) {
    let digests: Vec<_> = parts.iter().map(|part| digest(&SHA256, part)).collect();
    let digests: Vec<&[u8]> = digests.iter().map(AsRef::as_ref).collect();
    req.extensions_mut().insert(BodyDigest(digests.concat()));
}

/// A JSON body, validated against its schema in the OpenAPI document.
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest for Json<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let value = body(req, payload);
        async move { check(&value.await?).map(Self).map_err(Error::invalid) }.boxed_local()
    }
}

/// Refusals of a JSON body.
pub const BODY_REFUSALS: Refusals = &[
    (400, "malformed_json"),
    (400, "unreadable_body"),
    (413, "body_too_large"),
    (415, "unsupported_media_type"),
    (422, "invalid"),
    (503, "busy_uploading"),
];

impl<T: DeserializeOwned + ToSchema + 'static> Argument for Json<T> {
    const REFUSALS: Refusals = BODY_REFUSALS;
}

/// Reads the body as JSON. Strings are converted to Unicode NFC and trimmed; a string of invisible
/// characters becomes empty.
pub fn body(
    req: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Value>> + use<> {
    let kind = media_type(req);
    let bytes = bytes(req, payload);
    async move {
        if !matches!(&*kind, "application/json" | "application/merge-patch+json") {
            return Err(unsupported_media_type());
        }
        let (value, mut faults) = json::parse(&bytes.await?)?;
        faults.truncate(shape::MOST);
        if faults.is_empty() { Ok(value) } else { Err(Error::invalid(faults)) }
    }
}

/// Returns the media type of the body without parameters, in lower case. Empty if there is no
/// `Content-Type` or more than one.
pub fn media_type(req: &HttpRequest) -> String {
    let mut kinds = req.headers().get_all(CONTENT_TYPE);
    let kind = kinds.next().filter(|_| kinds.next().is_none());
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

pub fn unsupported_media_type() -> Error {
    Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
}

/// Reads the raw body within the size limit of the operation, and stores its digest in the request.
pub(crate) fn bytes(
    req: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    // The decoded path, as the router matches it: percent-escapes must not select another limit.
    let limit = match req.match_info().as_str() {
        path if path.ends_with("/batch") => BATCH_LIMIT,
        path if path.starts_with("/api/v1/auth/") => AUTH_LIMIT,
        _ => BODY_LIMIT,
    };
    bytes_up_to(limit, req, payload)
}

/// A raw body that the handler reads itself, such as a form.
pub struct Raw(pub web::Bytes);

impl FromRequest for Raw {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        bytes(req, payload).map(|body| body.map(Self)).boxed_local()
    }
}

impl Argument for Raw {
    const REFUSALS: Refusals =
        &[(400, "unreadable_body"), (413, "body_too_large"), (503, "busy_uploading")];
}

/// Reads the raw body of an operation with a size limit of its own.
pub fn bytes_up_to(
    limit: usize,
    req: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    collected(req, payload, limit, usize::MAX)
}

/// Reads a file from the raw body, of at most `limit` bytes. The time limit grows with the bytes
/// that have arrived.
pub fn file(
    req: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    collected(req, payload, limit, PACE)
}

fn collected(
    req: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
    pace: usize,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    let encoded =
        req.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let bodies =
        req.app_data::<web::Data<Bodies>>().expect("the app registers the room for bodies");
    let mut room = bodies.room(req);
    let patience = if limit <= LITTLE { LITTLE_PATIENCE } else { PATIENCE };
    let (req, payload) = (req.clone(), web::Payload::from_request(req, payload));
    async move {
        if encoded {
            return Err(unsupported_media_type());
        }

        let unreadable = || Error::bad_request("unreadable_body", "The body is incomplete.");
        let mut payload = payload.await.map_err(|_| unreadable())?;
        let (start, mut bytes) = (Instant::now(), web::BytesMut::new());
        loop {
            // Without a limit, a client that sends a byte a second would hold memory for hours.
            let earned = Duration::from_secs((bytes.len() / pace) as u64);
            let left = (patience + earned).saturating_sub(start.elapsed());
            let chunk = tokio::time::timeout(left, payload.next()).await;
            let chunk = chunk.map_err(|_| unreadable().detail("The body arrived too slowly."))?;
            let Some(chunk) = chunk.transpose().map_err(|_| unreadable())? else { break };
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            room.extend(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }

        // Held until the response is sent: the values made of the body are in memory until then.
        req.extensions_mut().insert(room);
        same_by(&req, &[&bytes]);
        Ok(bytes.freeze())
    }
}

/// The error for a body that exceeds the limit of its operation.
pub fn too_large() -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
}

/// Validates a value and converts it into `T`, or returns all its faults.
pub fn check<T: DeserializeOwned + ToSchema + 'static>(value: &Value) -> Result<T, Vec<Fault>> {
    let faults = shape::faults(shape::of_body::<T>(), value);
    if faults.is_empty() { typed(value) } else { Err(faults) }
}

/// Converts a value that has been validated into `T`.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Vec<Fault>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string().replace(['.', '['], "/").replace(']', "");
        let pointer = if path == "/" { String::new() } else { format!("/{path}") };
        let message = error.into_inner().to_string();
        // The schema does not require references, because they may be sent as `x_id` or
        // `x_external_id`. A missing one is noticed here.
        match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(name) => {
                let pointer = format!("{pointer}/{name}");
                vec![Fault::new(pointer, "required", "this field is required")]
            }
            // Our own messages begin so. Those of serde repeat the value, which may be a secret.
            None if message.starts_with("not ") => vec![Fault::new(pointer, "invalid", message)],
            None => vec![Fault::new(pointer, "invalid", "not allowed by the API document")],
        }
    })
}

/// Path parameters. A malformed id is answered with 400, an unknown one with 404.
pub struct Path<T>(pub T);

impl<T> Deref for Path<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Path<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let path = web::Path::<T>::from_request(req, payload).into_inner();
        let invalid = |_| Error::bad_request("invalid_path", "The path contains an invalid id.");
        ready(path.map(|path| Self(path.into_inner())).map_err(invalid))
    }
}

impl<T: DeserializeOwned> Argument for Path<T> {
    const REFUSALS: Refusals = &[(404, "not_found")];
}
