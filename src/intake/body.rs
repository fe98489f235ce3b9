//! JSON bodies with references to other rows.

use std::marker::PhantomData;

use access::Caller;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Argument, Conn, Error, Refusals, Result, input, shape};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use crate::reference::{HasReferences, resolve_all};

/// A JSON body with references to other rows. The extractor checks its shape; [`Body::resolve`]
/// resolves the references in the transaction of the write.
pub struct Body<T> {
    value: Value,
    fields: Vec<String>,
    of: PhantomData<T>,
}

impl<T: ToSchema + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = input::body(req, payload);
        async move {
            let value = body.await?;
            let faults = shape::faults(shape::of_body::<T>(), &value);
            if !faults.is_empty() {
                return Err(Error::invalid(faults));
            }
            let fields = value.as_object().map(|object| object.keys().map(|key| as_id(key)));
            let fields = fields.map(Iterator::collect).unwrap_or_default();
            Ok(Self { value, fields, of: PhantomData })
        }
        .boxed_local()
    }
}

impl<T: ToSchema + 'static> Argument for Body<T> {
    const REFUSALS: Refusals = input::BODY_REFUSALS;
}

impl<T: HasReferences + DeserializeOwned> Body<T> {
    /// Returns the names of the fields that were sent. References are named by their `_id`.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Returns a text field as it was sent, for work that comes before the transaction.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.value[field].as_str()
    }

    /// Returns the body with all references resolved to ids.
    pub async fn resolve(&self, conn: &mut Conn, caller: &Caller) -> Result<T> {
        let mut value = [self.value.clone()];
        let faults = resolve_all(conn, caller, caller.source_system(), T::REFERENCES, &mut value);
        let faults = faults.await?.pop().unwrap_or_default();
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        input::typed(&value[0]).map_err(Error::invalid)
    }
}

/// Returns the name of a field, that of a reference by its `_id` even if it is sent in another way.
pub fn as_id(field: &str) -> String {
    let name = field.strip_suffix("_external_id").or_else(|| field.strip_suffix("_source_system"));
    name.map_or_else(|| field.to_owned(), |name| format!("{name}_id"))
}
