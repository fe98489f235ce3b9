//! What every stored resource has in common, and how one is answered.

use actix_web::body::BoxBody;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, Responder};
use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use uuid::Uuid;

use super::time::Timestamp;

/// In place of an owner: everybody may see the row.
pub const EVERYBODY: Option<Uuid> = Some(Uuid::max());

/// In place of an owner: whoever sees the accounts of all customers may see the row.
pub const ACCOUNTS: Uuid = Uuid::from_u128(u128::MAX - 2);

/// Something with an id and a version. Declare it by [`resource!`](crate::resource!).
pub trait Resource: Serialize {
    /// The name in the change feed: `customer`.
    const TYPE: &'static str;
    /// Where it lives: `/api/v1/customers`.
    const PATH: &'static str;
    /// The fields that follow from other rows: a payment on an invoice, a companion's check-in, a
    /// merge of customers. A change of these alone makes nobody's edit stale.
    const DERIVED: &'static [&'static str] = &[];

    fn id(&self) -> Uuid;
    fn version(&self) -> i64;
    /// Whose reach makes it visible, for the readers of the change feed: people and teams.
    /// `None` is the pool, [`EVERYBODY`] is everybody, [`ACCOUNTS`] is finance.
    fn owners(&self) -> Vec<Option<Uuid>>;
    fn stamp(&mut self, version: i64, now: Timestamp);

    /// What follows on this one: a new version, unless nothing is different.
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

/// Declares a resource: its name in the feed, where it lives, and who sees it.
///
/// `resource! { Customer: "customer" at "/api/v1/customers", seen by |it| vec![it.owner_id] }`,
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

/// `"<version>-<hash>"`: the version is what If-Match compares; the hash changes also with what
/// is shown but not stored in the row (a name from elsewhere, a masked field).
pub fn etag(version: i64, body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    let hash = hash.as_ref()[..4].iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    format!("\"{version}-{hash:08x}\"")
}

/// Whether a reader has this ETag, by the weak comparison of RFC 9110: `*` is any, and a proxy that
/// compresses makes `"1-ab"` a `W/"1-ab"`.
pub fn is_known(if_none_match: &str, tag: &str) -> bool {
    let mut tags = if_none_match.split(',').map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// One resource with its ETag; 304 when the reader has it already.
pub struct Tagged<T>(pub T);

impl<T: Resource> Responder for Tagged<T> {
    type Body = BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let tag = etag(self.0.version(), &body);
        let mut known =
            req.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
        let fresh = known.any(|known| is_known(known, &tag));
        let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, "private, no-cache"))
            .insert_header((VARY, "Authorization, Accept-Language"));
        if fresh { response.finish() } else { response.content_type("application/json").body(body) }
    }
}
