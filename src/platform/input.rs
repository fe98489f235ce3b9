//! Strict extractors. A handler never sees an invalid value.
//!
//! 400 for what cannot be read at all and for faults of path and query, 422 for a body that is
//! JSON but not what the document asks for, with every fault in one answer.

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
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::path::Parameter;
use utoipa::{IntoParams, ToSchema};

use super::characters::{is_refused, trimmed};
use super::error::{Error, Fault, Result};
use super::share::Bodies;
use super::{external, json, shape};

/// Largest bodies of a batch, of a sign-in, and of any other operation.
const BATCH_LIMIT: usize = 32 << 20;
const AUTH_LIMIT: usize = 4 << 10;
const BODY_LIMIT: usize = 1 << 20;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(25);

/// The same for the small bodies of strangers, who share little room.
const LITTLE_PATIENCE: Duration = Duration::from_secs(5);
const LITTLE: usize = 16 << 10;

/// Bytes of a file that earn a second more: a phone in the field is slow, not hostile.
const PACE: usize = 32 << 10;

/// The digest of the raw body, left in the request for the fingerprint of an Idempotency-Key.
pub(crate) struct BodyDigest(pub Vec<u8>);

/// What a request is the same by when its raw body may differ from one time to the next.
pub fn same_by(req: &HttpRequest, parts: &[&[u8]]) {
    let digests: Vec<_> = parts.iter().map(|part| digest(&SHA256, part)).collect();
    let digests: Vec<&[u8]> = digests.iter().map(AsRef::as_ref).collect();
    req.extensions_mut().insert(BodyDigest(digests.concat()));
}

/// A JSON body, checked against its own documentation.
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

/// Reads the body as JSON; text is put into Unicode NFC and trimmed on the way in, and empty if nothing of it can be seen.
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

/// What the body says it is, without its parameters; nothing when it says two things.
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

/// The raw body; its digest stays in the request.
pub(crate) fn bytes(
    req: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    // The decoded path, as routes read it: an escape in it must not lead to another limit.
    let limit = match req.match_info().as_str() {
        path if path.ends_with("/batch") => BATCH_LIMIT,
        path if path.starts_with("/api/v1/auth/") => AUTH_LIMIT,
        _ => BODY_LIMIT,
    };
    bytes_up_to(limit, req, payload)
}

/// A body that is read manually, such as a form, within the limits of its operation.
pub struct Raw(pub web::Bytes);

impl FromRequest for Raw {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        bytes(req, payload).map(|body| body.map(Self)).boxed_local()
    }
}

/// The same for an operation with a limit of its own.
pub fn bytes_up_to(
    limit: usize,
    req: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    collected(req, payload, limit, usize::MAX)
}

/// A file as raw body, of so many bytes at the most; it may take longer the more has arrived.
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
    let encoded = req.headers().get(CONTENT_ENCODING).is_some_and(|it| it != "identity");
    let bodies =
        req.app_data::<web::Data<Bodies>>().expect("the app registers the room for bodies");
    let mut room = bodies.room(req);
    let patience = if limit <= LITTLE { LITTLE_PATIENCE } else { PATIENCE };
    let (req, payload) = (req.clone(), web::Payload::from_request(req, payload));
    async move {
        if encoded {
            return Err(unsupported_media_type());
        }
        let unreadable = || Error::bad_request("unreadable_body", "the body ended early");
        let mut payload = payload.await.map_err(|_| unreadable())?;
        let (start, mut bytes) = (Instant::now(), web::BytesMut::new());
        loop {
            // Whoever sends a byte a second would hold the worker's memory for hours.
            let earned = Duration::from_secs((bytes.len() / pace) as u64);
            let left = (patience + earned).saturating_sub(start.elapsed());
            let chunk = tokio::time::timeout(left, payload.next()).await;
            let chunk = chunk.map_err(|_| unreadable().detail("the body took too long"))?;
            let Some(chunk) = chunk.transpose().map_err(|_| unreadable())? else { break };
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            room.extend(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        // Until the answer: what is made of the body is in memory as long.
        req.extensions_mut().insert(room);
        same_by(&req, &[&bytes]);
        Ok(bytes.freeze())
    }
}

/// More than the operation takes.
pub fn too_large() -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
}

/// One value that has been read, as `T` or as everything that is wrong with it.
pub fn check<T: DeserializeOwned + ToSchema + 'static>(value: &Value) -> Result<T, Vec<Fault>> {
    let faults = shape::faults(shape::of_body::<T>(), value);
    if faults.is_empty() { typed(value) } else { Err(faults) }
}

/// One value whose shape has been checked, as `T`.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Vec<Fault>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string().replace(['.', '['], "/").replace(']', "");
        let pointer = if path == "/" { String::new() } else { format!("/{path}") };
        let message = error.into_inner().to_string();
        // A reference is required here and not by the schema: it may come in two forms.
        match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(name) => {
                let pointer = format!("{pointer}/{name}");
                vec![Fault::new(pointer, "required", "this field is required")]
            }
            // Ours begin so; those of serde repeat what was sent, which may be a secret.
            None if message.starts_with("not ") => vec![Fault::new(pointer, "invalid", message)],
            None => vec![Fault::new(pointer, "invalid", "not what the API document asks for")],
        }
    })
}

/// The query string. Unknown and ill-typed parameters are faults, and so are repeated ones that are no
/// lists, all named at once.
pub struct Query<T> {
    typed: T,
    raw: Value,
}

impl<T> Query<T> {
    /// The parameters as they were sent: for references by external id.
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.typed
    }
}

impl<T: DeserializeOwned + IntoParams + 'static> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = T::into_params(|| None);
        let query = query::<T>(req, &parameters);
        ready(query.and_then(|raw| of_query(&raw).map(|typed| Self { typed, raw })))
    }
}

/// A query string that has been checked, as `T`.
pub fn of_query<T: DeserializeOwned>(value: &Value) -> Result<T> {
    typed(value).map_err(|faults| Error::bad_request("invalid_query", "").faults(faults))
}

/// The query string as one object, each value in the type that its parameter is documented with.
pub(crate) fn query<Key: 'static>(req: &HttpRequest, parameters: &[Parameter]) -> Result<Value> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(req.query_string());
    let pairs = pairs.map_err(|e| Error::bad_request("invalid_query", e.to_string()))?;
    let (mut object, mut faults) = (Map::new(), vec![]);
    let mut put = |name: String, value: Value, faults: &mut Vec<Fault>| {
        let Some(known) = object.get_mut(&name) else {
            object.insert(name, value);
            return;
        };
        // A repeated list is one list.
        if let (Value::Array(all), Value::Array(more)) = (known, value) {
            all.extend(more);
        } else {
            faults.push(Fault::new(format!("/{name}"), "duplicate_field", "given twice"));
        }
    };
    for (name, text) in pairs.into_inner() {
        let schema =
            parameters.iter().find(|p| p.name == name).map(|p| serde_json::json!(p.schema));
        if text.contains(|c: char| c.is_control() || is_refused(c)) {
            let message = "control characters are refused";
            faults.push(Fault::new(format!("/{name}"), "control_character", message));
        }
        let schema = schema.unwrap_or_default();
        // `customer_id=external:sap:1` is another way to write `customer_external_id=1` and so on.
        if let Some(of) = name.strip_suffix("_id").filter(|_| schema["format"] == "uuid")
            && let Some((source_system, external_id)) = external::parse(trimmed(&text))
        {
            put(format!("{of}_source_system"), source_system.into(), &mut faults);
            put(format!("{of}_external_id"), external_id.into(), &mut faults);
            continue;
        }
        put(name, read(&schema, trimmed(&text).nfc().collect()), &mut faults);
    }
    let value = Value::Object(object);
    faults.extend(shape::faults(shape::of_query::<Key>(parameters), &value));
    if faults.is_empty() {
        return Ok(value);
    }
    Err(Error::bad_request("invalid_query", "some parameters are wrong").faults(faults))
}

fn read(schema: &Value, text: String) -> Value {
    let is = |name: &str| match &schema["type"] {
        Value::Array(names) => names.iter().any(|one| one == name),
        one => one == name,
    };
    if is("array") {
        return text.split(',').collect();
    }
    match text.parse::<Value>() {
        Ok(value @ Value::Number(_)) if is("integer") => value,
        Ok(value @ Value::Bool(_)) if is("boolean") => value,
        _ => text.into(),
    }
}

/// Path parameters. What is no id at all is told apart from an id that leads nowhere.
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
        let invalid = |_| Error::bad_request("invalid_path", "a part of the path is no valid id");
        ready(path.map(|path| Self(path.into_inner())).map_err(invalid))
    }
}
