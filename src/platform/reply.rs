//! The answers of changes.

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use uuid::Uuid;

use super::error::{Error, Result};
use super::resource::{Resource, etag};

/// The answer of a change, in the form in which it is stored for an Idempotency-Key.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) about: Option<Uuid>,
    pub(crate) body: Vec<u8>,
    pub(crate) replayed: bool,
    /// Must not be stored, neither by caches nor for an Idempotency-Key
    pub(crate) secret: bool,
}

impl Reply {
    /// 201 with the new resource and its `Location`.
    pub fn created<R: Resource>(new: &R) -> Result<Self> {
        let location = Some(format!("{}/{}", new.collection(), new.id()));
        Ok(Self { status: StatusCode::CREATED, location, ..Self::ok(new)? })
    }

    /// 200 with the current resource.
    pub fn ok<R: Resource>(now: &R) -> Result<Self> {
        let reply = Self::json(now)?;
        let etag = Some(etag(now.version(), &reply.body));
        Ok(Self { etag, about: Some(now.id()), ..reply })
    }

    /// 200 with an answer that is not a resource.
    pub fn json(answer: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(answer).map_err(Error::internal)?;
        Ok(Self { status: StatusCode::OK, body, ..Self::no_content() })
    }

    /// Marks the answer as secret: it is sent with `no-store` and not kept for an Idempotency-Key.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// 204 without a body.
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            etag: None,
            location: None,
            about: None,
            body: vec![],
            replayed: false,
            secret: false,
        }
    }
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(etag) = self.etag {
            response.insert_header((header::ETAG, etag));
        }
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if self.replayed {
            response.insert_header(("Idempotency-Replayed", "true"));
        }
        if self.secret {
            response.insert_header((header::CACHE_CONTROL, "no-store"));
        }

        if self.body.is_empty() {
            return response.finish();
        }
        response.content_type("application/json").body(self.body)
    }
}
