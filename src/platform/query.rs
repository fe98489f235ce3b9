//! The query string as an extractor. Faults in it are answered with 400, all in one answer.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;
use utoipa::IntoParams;
use utoipa::openapi::path::Parameter;

use super::characters::{is_refused, trimmed};
use super::error::{Error, Fault, Result};
use super::external;
use super::input::typed;
use super::routes::Argument;
use super::shape::{self, QueryShape};

/// The query string. Unknown parameters, those of the wrong type and repeated ones that are not
/// lists are faults. One answer lists all of them.
pub struct Query<T> {
    typed: T,
    raw: Value,
}

impl<T> Query<T> {
    /// The parameters as one object, with references by external id.
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
        let query = query::<T>(req, || T::into_params(|| None));
        ready(query.and_then(|raw| of_query(&raw).map(|typed| Self { typed, raw })))
    }
}

impl<T: DeserializeOwned + IntoParams + 'static> Argument for Query<T> {}

/// Converts a query string that has been validated into `T`.
pub fn of_query<T: DeserializeOwned>(value: &Value) -> Result<T> {
    typed(value).map_err(|faults| Error::bad_request("invalid_query", "").faults(faults))
}

/// Reads and validates the query string. Returns one object, whose values have the types that the
/// parameters are documented with.
pub(crate) fn query<Key: 'static>(
    req: &HttpRequest,
    parameters: fn() -> Vec<Parameter>,
) -> Result<Value> {
    query_of(shape::of_query::<Key>(parameters), pairs(req)?)
}

/// The parameters of a request by name.
pub(crate) type Pairs = Vec<(String, String)>;

/// Reads the query string and validates the parameters that are documented. Also returns the others,
/// for operations with parameters that only data names.
pub(crate) fn open_query<Key: 'static>(
    req: &HttpRequest,
    parameters: fn() -> Vec<Parameter>,
) -> Result<(Value, Pairs)> {
    let shape = shape::of_query::<Key>(parameters);
    let (known, others): (Pairs, Pairs) =
        pairs(req)?.into_iter().partition(|pair| shape.has(&pair.0));
    let faults: Vec<Fault> =
        others.iter().filter_map(|(name, text)| control_fault(name, text)).collect();
    if !faults.is_empty() {
        return Err(invalid_query(faults));
    }
    let others = others.into_iter().map(|(name, text)| (name, trimmed(&text).nfc().collect()));
    Ok((query_of(shape, known)?, others.collect()))
}

fn control_fault(name: &str, text: &str) -> Option<Fault> {
    let refused = text.contains(|c: char| c.is_control() || is_refused(c));
    let message = "must not contain control characters";
    refused.then(|| Fault::new(format!("/{name}"), "control_character", message))
}

/// The error for parameters with these faults.
pub fn invalid_query(faults: Vec<Fault>) -> Error {
    Error::bad_request("invalid_query", "Some query parameters are invalid; see `errors`.")
        .faults(faults)
}

fn pairs(req: &HttpRequest) -> Result<Pairs> {
    let pairs = web::Query::<Pairs>::from_query(req.query_string());
    let pairs = pairs.map_err(|e| Error::bad_request("invalid_query", e.to_string()))?;
    Ok(pairs.into_inner())
}

fn query_of(shape: &QueryShape, pairs: Pairs) -> Result<Value> {
    let (mut object, mut faults) = (Map::new(), vec![]);
    let mut put = |name: String, value: Value, faults: &mut Vec<Fault>| {
        let Some(known) = object.get_mut(&name) else {
            object.insert(name, value);
            return;
        };
        // A list parameter that is repeated counts as one list.
        if let (Value::Array(all), Value::Array(more)) = (known, value) {
            all.extend(more);
        } else {
            let why = "the parameter occurs more than once";
            faults.push(Fault::new(format!("/{name}"), "duplicate_field", why));
        }
    };

    for (name, text) in pairs {
        faults.extend(control_fault(&name, &text));
        let schema = shape.parameter(&name);
        // `customer_id=external:sap:1` is short for `customer_source_system=sap` together with
        // `customer_external_id=1`.
        if let Some(of) = name.strip_suffix("_id").filter(|_| schema["format"] == "uuid")
            && let Some((source_system, external_id)) = external::parse(trimmed(&text))
        {
            put(format!("{of}_source_system"), source_system.into(), &mut faults);
            put(format!("{of}_external_id"), external_id.into(), &mut faults);
            continue;
        }
        put(name, read(schema, trimmed(&text).nfc().collect()), &mut faults);
    }

    let value = Value::Object(object);
    faults.extend(shape::faults(shape.validator, &value));
    if faults.is_empty() { Ok(value) } else { Err(invalid_query(faults)) }
}

/// Converts the text of a parameter into its documented type. Text of another type stays a string,
/// which the validation refuses.
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
