//! The common interface of stored resources, and the response with a single one.

use std::borrow::Cow;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, Responder};
use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use uuid::Uuid;

use super::row_rule::RowRule;
use super::time::Timestamp;

/// A stored row with an id and a version. Declare it with [`resource!`](crate::resource!).
pub trait Resource: Serialize {
    /// The name in the change feed: `customer`.
    const TYPE: &'static str;
    /// The path of its collection: `/api/v1/customers`.
    const PATH: &'static str;
    /// Fields derived from other rows: a payment on an invoice, a companion's check-in, a merge of
    /// customers. A change of these fields alone does not make edits stale.
    const DERIVED: &'static [&'static str] = &[];
    /// The rule that says which users see the rows
    const RULE: &'static RowRule;

    /// The name of this row in the change feed. Differs from [`Resource::TYPE`] only for types that
    /// companies define.
    fn kind(&self) -> Cow<'static, str> {
        Self::TYPE.into()
    }
    /// The path of the collection of this row.
    fn collection(&self) -> Cow<'static, str> {
        Self::PATH.into()
    }
    fn id(&self) -> Uuid;
    fn version(&self) -> i64;
    /// The people and teams that the row rule names for this row. `None` stands for the pool; see
    /// also [`EVERYBODY`](super::row_rule::EVERYBODY) and its neighbours.
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

/// Declares a resource: its name in the feed, its path, and who sees its rows.
///
/// `resource! { Visit: "visit" at "/api/v1/visits", seen by visits [Person(owner_id),
/// People(participant_ids)] }` names the table and the [`Viewers`](crate::row_rule::Viewers) of its
/// rows, each with a column that is also a field. `and accounts` adds users who see the accounts of
/// all customers. Instead of a table, `everybody` or `nobody` may stand, or a [`RowRule`] and the
/// owners of a row: `RULE, as |row| row.watchers()`. At the end there may be `, derived
/// ["open_amount"]`: see [`Resource::DERIVED`].
#[macro_export]
macro_rules! resource {
    ($name:ty: $type:literal at $path:literal, seen by everybody $(, derived $derived:expr)?) => {
        $crate::resource! {
            $name: $type at $path,
            seen by $crate::row_rule::RowRule::EVERYBODY, as |_row| vec![$crate::row_rule::EVERYBODY]
            $(, derived $derived)?
        }
    };
    ($name:ty: $type:literal at $path:literal, seen by nobody) => {
        $crate::resource! {
            $name: $type at $path, seen by $crate::row_rule::RowRule::NOBODY, as |_row| vec![]
        }
    };
    ($name:ty: $type:literal at $path:literal, seen by $table:ident $viewers:tt and accounts
        $(, derived $derived:expr)?) => {
        $crate::resource! {
            $name: $type at $path, accounts true, viewers of $table $viewers $(, derived $derived)?
        }
    };
    ($name:ty: $type:literal at $path:literal, seen by $table:ident [$($viewers:tt)*]
        $(, derived $derived:expr)?) => {
        $crate::resource! {
            $name: $type at $path, accounts false, viewers of $table [$($viewers)*]
            $(, derived $derived)?
        }
    };
    ($name:ty: $type:literal at $path:literal, accounts $accounts:literal,
        viewers of $table:ident [$($viewers:ident($column:ident)),*]
        $(, derived $derived:expr)?) => {
        $crate::resource! {
            $name: $type at $path,
            seen by $crate::row_rule::RowRule {
                table: stringify!($table),
                accounts: $accounts,
                viewers: &[$($crate::row_rule::Viewers::$viewers(stringify!($column))),*],
            }, as |row| [$($crate::viewer_ids!(row $viewers $column)),*].concat()
            $(, derived $derived)?
        }
    };
    ($name:ty: $type:literal at $path:literal, seen by $rule:expr, as |$row:ident| $owners:expr
        $(, derived $derived:expr)?) => {
        impl $crate::Resource for $name {
            const TYPE: &'static str = $type;
            const PATH: &'static str = $path;
            $(const DERIVED: &'static [&'static str] = &$derived;)?
            const RULE: &'static $crate::row_rule::RowRule = &$rule;

            fn id(&self) -> uuid::Uuid {
                self.id
            }
            fn version(&self) -> i64 {
                self.version
            }
            fn owners(&self) -> Vec<Option<uuid::Uuid>> {
                let $row = self;
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
