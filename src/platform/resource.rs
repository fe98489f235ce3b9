//! The common interface of stored resources, and the response with a single one.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, Responder};
use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use uuid::Uuid;

use super::time::Timestamp;

/// Stands for an owner: everybody may see the row.
pub const EVERYBODY: Option<Uuid> = Some(Uuid::max());

/// Stands for an owner: users who see the accounts of all customers may see the row.
pub const ACCOUNTS: Uuid = Uuid::from_u128(u128::MAX - 2);

/// A stored row with an id and a version. Declare it with [`resource!`](crate::resource!).
pub trait Resource: Serialize {
    /// The name in the change feed: `customer`.
    const TYPE: &'static str;
    /// The path of its collection: `/api/v1/customers`.
    const PATH: &'static str;
    /// Fields derived from other rows: a payment on an invoice, a companion's check-in, a merge of
    /// customers. A change of these fields alone does not make edits stale.
    const DERIVED: &'static [&'static str] = &[];

    fn id(&self) -> Uuid;
    fn version(&self) -> i64;
    /// The people and teams whose visibility decides who sees the row in the change feed. `None`
    /// stands for the pool, [`EVERYBODY`] for everybody, and [`ACCOUNTS`] for finance.
    fn owners(&self) -> Vec<Option<Uuid>>;
    /// Sets the version and the time of the last change.
    fn stamp(&mut self, version: i64, now: Timestamp);

    /// Returns `after` with the next version, or unchanged if nothing is different.
    #[must_use]
    fn next(&self, mut after: Self, now: Timestamp) -> Self
    where
        Self: PartialEq + Sized,
    {
        if after != *self {
            after.stamp(self.version() + 1, now);
        }
        after
    }
}

/// Declares a resource: its name in the feed, its path, and its owners.
///
/// `resource! { Customer: "customer" at "/api/v1/customers", seen by |row| vec![row.owner_id] }`,
/// optionally with `, derived ["open_amount"]`: see [`Resource::DERIVED`].
#[macro_export]
macro_rules! resource {
    ($name:ty: $type:literal at $path:literal, seen by |$it:ident| $owners:expr
        $(, derived $derived:expr)?) => {
        impl $crate::Resource for $name {
            const TYPE: &'static str = $type;
            const PATH: &'static str = $path;
            $(const DERIVED: &'static [&'static str] = &$derived;)?

            fn id(&self) -> uuid::Uuid {
                self.id
            }
            fn version(&self) -> i64 {
                self.version
            }
            fn owners(&self) -> Vec<Option<uuid::Uuid>> {
                let $it = self;
                $owners
            }
            fn stamp(&mut self, version: i64, now: $crate::Timestamp) {
                (self.version, self.updated_at) = (version, now);
            }
        }
    };
}

/// Returns the ETag `"<version>-<hash>"`. `If-Match` compares the version. The hash also changes
/// with data that is shown but not stored in the row, such as a name of another row or a masked
/// field.
pub fn etag(version: i64, body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    let hash = hash.as_ref()[..4].iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    format!("\"{version}-{hash:08x}\"")
}

/// Checks whether `If-None-Match` contains this ETag, by the weak comparison of RFC 9110: `*`
/// matches any, and a proxy that compresses turns `"1-ab"` into `W/"1-ab"`.
pub fn is_known(if_none_match: &str, tag: &str) -> bool {
    let mut tags = if_none_match.split(',').map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Responds with a JSON text and its ETag, or with 304 if the client has it already.
pub fn tagged(
    req: &HttpRequest,
    tag: &str,
    caching: &'static str,
    body: impl MessageBody + 'static,
) -> HttpResponse {
    let mut known = req.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let fresh = known.any(|known| is_known(known, tag));
    let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, caching));
    if fresh { response.finish() } else { response.content_type("application/json").body(body) }
}

/// A response with a resource and its ETag, or 304 if the client has it already.
pub struct Tagged<T>(pub T);

impl<T: Resource> Responder for Tagged<T> {
    type Body = BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let tag = etag(self.0.version(), &body);
        let mut response = tagged(req, &tag, "private, no-cache", body);
        let vary = HeaderValue::from_static("Authorization, Accept-Language");
        response.headers_mut().insert(VARY, vary);
        response
    }
}
