//! The common parts of batch imports: their options, their items, and an outcome for each item, so
//! that one bad item does not fail the rest.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture, TryFutureExt};
use jsonschema::Validator;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::batch_reader::{self, Checks, Sent};
pub use super::bisect::bisect;
use super::error::{Error, Fault, Problem, Result};
use super::resource::Resource;
use super::routes::{Argument, Refusals};
use super::{input, query, shape, text_enum};

/// Maximum number and bytes of the items that are processed at a time. While it is processed, an
/// item takes ten times the memory of its text.
const AT_ONCE: usize = 1000;
const AT_ONCE_BYTES: usize = 256 << 10;

/// Number of items of a batch, stored in its request for [`Write`](crate::Write).
#[derive(Debug, Clone, Copy)]
pub(crate) struct ItemCount(pub usize);

text_enum! {
    pub enum Status {
        Created = "created",
        Updated = "updated",
        Unchanged = "unchanged",
        Superseded = "superseded",
        /// Parked until the rows it refers to arrive
        Pending = "pending",
        Failed = "failed",
    }
}

/// The outcome of one item
#[derive(Debug, Serialize, ToSchema)]
pub struct Outcome {
    pub index: usize,
    #[schema(inline)]
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<Problem>,
    /// Warnings for the source system about an item that was applied
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Fault>,
}

/// The outcome of a batch
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Outcomes {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub superseded: usize,
    pub pending: usize,
    pub failed: usize,
    pub results: Vec<Outcome>,
}

impl Outcomes {
    pub fn done<R: Resource>(&mut self, index: usize, status: Status, row: &R) {
        self.add(index, status, Some((row.id(), row.version())), None);
    }

    /// Adds an item that is the same as last time, for which nothing was done.
    pub fn repeated(&mut self, index: usize, id: Uuid, version: i64) {
        self.add(index, Status::Unchanged, Some((id, version)), None);
    }

    pub fn superseded(&mut self, index: usize) {
        self.add(index, Status::Superseded, None, None);
    }

    pub fn pending(&mut self, index: usize) {
        self.add(index, Status::Pending, None, None);
    }

    pub fn failed(&mut self, index: usize, error: &Error) {
        self.add(index, Status::Failed, None, Some(error.problem()));
    }

    fn add(
        &mut self,
        index: usize,
        status: Status,
        row: Option<(Uuid, i64)>,
        problem: Option<Problem>,
    ) {
        let (id, version) = row.unzip();
        self.results.push(Outcome { index, status, id, version, problem, warnings: vec![] });
    }

    /// Adds warnings, by index of the item, to the outcomes of the items that were applied.
    pub fn warn(&mut self, mut warnings: HashMap<usize, Vec<Fault>>) {
        for outcome in self.results.iter_mut().filter(|outcome| outcome.id.is_some()) {
            outcome.warnings = warnings.remove(&outcome.index).unwrap_or_default();
        }
    }

    /// Sorts and counts the outcomes. Fails an atomic batch if one of its items has failed.
    pub fn finish(mut self, atomic: bool) -> Result<Self> {
        self.results.sort_by_key(|outcome| outcome.index);
        let count = |status| self.results.iter().filter(|result| result.status == status).count();
        let counts = Status::ALL.iter().map(|status| count(*status)).collect::<Vec<_>>();
        let [created, updated, unchanged, superseded, pending, failed] = counts[..] else {
            return Err(Error::internal("a status that is not counted"));
        };
        if atomic && failed > 0 {
            return Err(Error::invalid(self.results.iter().flat_map(Outcome::faults).collect()));
        }
        let results = self.results;
        Ok(Self { created, updated, unchanged, superseded, pending, failed, results })
    }
}

impl Outcome {
    fn faults(&self) -> Vec<Fault> {
        let Some(problem) = &self.problem else { return vec![] };
        let at = format!("/items/{}", self.index);
        let below = |fault: &Fault| Fault { pointer: at.clone() + &fault.pointer, ..fault.clone() };
        match problem.errors.as_slice() {
            [] => vec![Fault::new(at, problem.code.clone(), problem.title.clone())],
            faults => faults.iter().map(below).collect(),
        }
    }
}

/// The documented body of a batch, declared by [`batch!`](crate::batch!).
pub trait Documented: ToSchema + 'static {
    type Item: DeserializeOwned + ToSchema + 'static;
}

/// The fields of every item of a batch that identify its row
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ItemKey {
    #[schema(min_length = 1, max_length = 200, example = "C-1001")]
    pub external_id: String,
    /// Our id. Send it once to link an existing row to its external id.
    pub id: Option<Uuid>,
}

/// Declares the body of a batch. It is documentation only: handlers read a [`Batch`].
#[macro_export]
macro_rules! batch {
    ($(#[$meta:meta])* $name:ident of $item:ty) => {
        #[derive(utoipa::ToSchema)]
        $(#[$meta])*
        #[allow(dead_code)]
        pub struct $name {
            /// The source system of the external ids. Default: your own
            #[schema(min_length = 1, max_length = 40, example = "sap", nullable = false)]
            source_system: Option<String>,
            #[schema(max_items = 10_000)]
            items: Vec<$item>,
            /// Apply all items or none
            #[schema(default = false, nullable = false)]
            atomic: Option<bool>,
            /// Return the outcome that each item would have, without changing anything
            #[schema(default = false, nullable = false)]
            dry_run: Option<bool>,
            /// The treatment of an item that refers to an unknown row
            #[schema(inline, nullable = false)]
            unknown_references: Option<$crate::batch::UnknownReferences>,
        }

        impl $crate::batch::Documented for $name {
            type Item = $item;
        }
    };
}

text_enum! {
    /// The treatment of a batch item that refers to an unknown external id
    pub enum UnknownReferences {
        /// The item fails
        Fail = "fail",
        /// The item is parked, see `GET /pending-items`, and applied when the row arrives
        Park = "park",
    }
}

/// The options of a batch in the query string, for `application/x-ndjson`.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// For NDJSON: the source system of the external ids. Default: your own
    #[param(min_length = 1, max_length = 40)]
    #[serde(skip_serializing_if = "Option::is_none")]
    source_system: Option<String>,
    /// For NDJSON: apply all items or none
    #[serde(skip_serializing_if = "Option::is_none")]
    atomic: Option<bool>,
    /// For NDJSON: return the outcomes without changing anything
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    /// For NDJSON: the treatment of an item that refers to an unknown row. Default: `fail`
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_references: Option<UnknownReferences>,
}

/// The body of a batch with valid options, and the type that documents it. Only this shell is
/// generic over that type.
pub struct Batch<D> {
    items: BatchItems,
    documented: PhantomData<D>,
}

impl<D> Deref for Batch<D> {
    type Target = BatchItems;

    fn deref(&self) -> &BatchItems {
        &self.items
    }
}

/// The items and options of a batch. Items are read one by one, so that a bad one fails alone.
pub struct BatchItems {
    /// The source system as sent. `None` stands for the caller's own.
    pub source_system: Option<String>,
    pub atomic: bool,
    pub dry_run: bool,
    /// Park items that refer to unknown rows
    pub park: bool,
    sent: Vec<Sent>,
}

impl<D: Documented> FromRequest for Batch<D> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checks = || Checks { batch: shape::of_body::<D>(), item: shape::of_body::<D::Item>() };
        let items = received(req, payload, checks);
        items.map_ok(|items| Self { items, documented: PhantomData }).boxed_local()
    }
}

impl<D: Documented> Argument for Batch<D> {
    const REFUSALS: Refusals = &[
        (400, "malformed_json"),
        (400, "unreadable_body"),
        (403, "foreign_source_system"),
        (413, "batch_too_large"),
        (413, "body_too_large"),
        (415, "unsupported_media_type"),
        (422, "invalid"),
        (503, "busy_uploading"),
    ];
}

/// Reads a batch. `checks` is called once the body is there.
fn received(
    req: &HttpRequest,
    payload: &mut Payload,
    checks: fn() -> Checks,
) -> LocalBoxFuture<'static, Result<BatchItems>> {
    let kind = input::media_type(req);
    let query = query::query::<BatchQuery>(req, || BatchQuery::into_params(|| None));
    let bytes = input::bytes(req, payload);
    let req = req.clone();
    async move {
        let options = query?;
        let (body, items) = match &*kind {
            "application/json" => batch_reader::read(&bytes.await?, checks())?,
            "application/x-ndjson" => batch_reader::read_lines(options, &bytes.await?, checks())?,
            _ => return Err(input::unsupported_media_type()),
        };
        req.extensions_mut().insert(ItemCount(items.len()));
        Ok(BatchItems::of(&body, items))
    }
    .boxed_local()
}

impl BatchItems {
    fn of(body: &Value, sent: Vec<Sent>) -> Self {
        let yes = |name| body[name] == true;
        Self {
            source_system: body["source_system"].as_str().map(str::to_owned),
            atomic: yes("atomic"),
            dry_run: yes("dry_run"),
            park: body["unknown_references"] == "park",
            sent,
        }
    }

    /// Makes a batch of parked items, to apply them again.
    pub fn of_parked(items: &[Value], check: &Validator) -> Self {
        Self {
            source_system: None,
            atomic: false,
            dry_run: false,
            park: true,
            sent: items.iter().map(|item| Sent::of(item, check)).collect(),
        }
    }

    /// The item at this index, as it was sent.
    pub fn item(&self, index: usize) -> Result<Value> {
        self.sent[index].read()
    }

    /// The key of the item at this index, which must be valid.
    pub fn key(&self, index: usize) -> Result<ItemKey> {
        self.sent[index].read()
    }

    /// The external ids of the items at these indices.
    pub fn external_ids(&self, places: impl IntoIterator<Item = usize>) -> Vec<String> {
        let names = places.into_iter().filter_map(|index| self.sent[index].external_id.as_deref());
        names.map(str::to_owned).collect()
    }

    /// Splits indices into parts that are processed at a time, by number and size of their items.
    pub fn parts<'a>(&self, places: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
        let size = move |place: &usize| self.sent[*place].size();
        parts(places, AT_ONCE, AT_ONCE_BYTES, size)
    }

    /// Returns the indices of the valid items. Of several items with the same external id only the
    /// last one is returned. Adds the outcomes of all other items.
    pub fn read(&self, outcomes: &mut Outcomes) -> Vec<usize> {
        let mut latest: HashMap<&str, usize> = HashMap::new();
        for (index, item) in self.sent.iter().enumerate() {
            if !item.faults.is_empty() {
                outcomes.failed(index, &Error::invalid(item.faults.clone()));
            } else if let Some(key) = item.external_id.as_deref()
                && let Some(before) = latest.insert(key, index)
            {
                outcomes.superseded(before);
            }
        }
        let mut places: Vec<usize> = latest.into_values().collect();
        places.sort_unstable();
        places
    }
}

/// Splits rows into parts of at most `most` rows and `most_weight` weight. A row that is heavier
/// than that is a part of its own.
pub fn parts<R>(
    mut rows: &[R],
    most: usize,
    most_weight: usize,
    weight: impl Fn(&R) -> usize,
) -> impl Iterator<Item = &[R]> {
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fits = |row: &&R| {
            sum += weight(row);
            sum <= most_weight
        };
        let fitting = rows.iter().take(most).take_while(fits).count();
        let (part, rest) = rows.split_at(fitting.max(1).min(rows.len()));
        rows = rest;
        (!part.is_empty()).then_some(part)
    })
}
