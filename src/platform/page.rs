//! Lists with keyset pagination and sealed cursors. Page 10,000 is as fast as page 1.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::http::header::{ACCEPT, LINK};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web::Data};
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{self, Bool, HasSqlType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::path::Parameter;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::error::{Error, Fault, Result};
use super::narrow::Narrowed;
use super::routes::{Argument, Refusals};
use super::time::Timestamp;
use super::{Seal, query};

/// Maximum number of rows of a list that is returned as CSV without a `limit`.
pub const MOST_CSV_ROWS: i64 = 10_000;

/// The page of a list and the form of its items
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the previous page
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
    /// Maximum number of items on the page. Default: 50. As CSV, all rows are returned, up to
    /// 10,000
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `exact` also returns the number of all items, which takes longer
    #[param(inline)]
    total: Option<Total>,
    /// Related rows whose names and codes are added to the items, separated by commas
    #[allow(dead_code, reason = "`lists` reads it from the request, with what each resource has")]
    #[param(style = Form, explode = false, max_items = 50)]
    expand: Option<Vec<String>>,
    /// Fields of the items to return, separated by commas. Default: all. `id` and `masked_fields`
    /// are always returned
    #[allow(dead_code, reason = "`lists` reads it from the request, with what each resource has")]
    #[param(style = Form, explode = false, max_items = 200)]
    fields: Option<Vec<String>>,
    /// Only rows with these ids, separated by commas. `external:<source>:<id>` with both parts
    /// percent-encoded stands for an id of another system
    #[param(style = Form, explode = false, max_items = 200)]
    id: Option<Vec<Uuid>>,
    /// Only rows changed at or after this instant
    updated_from: Option<Timestamp>,
}

/// Parameters that affect how a page is shown, not which rows are listed. They may differ from one
/// page to the next, while a cursor is bound to all other parameters.
const FORM: [&str; 5] = ["cursor", "limit", "total", "expand", "fields"];

/// Checks whether the client prefers CSV to JSON: the first of the two in `Accept` counts.
pub fn wants_csv(req: &HttpRequest) -> bool {
    let accept = req.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.and_then(prefers_csv).unwrap_or(false)
}

/// Checks whether CSV comes before JSON in an `Accept` header. Weights are ignored, apart from
/// `q=0`, which excludes a type. `None` if the header names neither.
pub fn prefers_csv(accept: &str) -> Option<bool> {
    let kinds = accept.split(',').filter(|kind| !kind.replace(' ', "").ends_with(";q=0"));
    let mut kinds = kinds.filter_map(|kind| kind.split(';').next()).map(str::trim);
    kinds.find_map(|kind| match kind.to_ascii_lowercase().as_str() {
        "application/json" | "application/*" | "*/*" => Some(false),
        "text/csv" => Some(true),
        _ => None,
    })
}

/// The filter of lists that have none.
#[derive(Debug, Deserialize, IntoParams)]
pub struct NoFilter {}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Total {
    Exact,
}

/// The query string of a list: its filter, and the requested page.
///
/// One extractor reads both, because only together do they know which parameters are unknown, and
/// because a cursor is only valid with the filter that it was made for.
pub struct List<F> {
    typed: F,
    query: Value,
    pub limit: i64,
    pub counted: bool,
    ids: Option<Vec<Uuid>>,
    updated_from: Option<Timestamp>,
    position: Option<String>,
    seal: Seal,
    context: String,
}

impl<F: DeserializeOwned + IntoParams + 'static> FromRequest for List<F> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(req))
    }
}

impl<F: DeserializeOwned + IntoParams + 'static> Argument for List<F> {
    const REFUSALS: Refusals = &[(400, "invalid_cursor")];
}

impl<F: DeserializeOwned + IntoParams + 'static> List<F> {
    fn parameters() -> Vec<Parameter> {
        [F::into_params(|| None), PageQuery::into_params(|| None)].concat()
    }

    fn of(req: &HttpRequest) -> Result<Self> {
        Self::with(req, query::query::<Self>(req, Self::parameters)?, &[])
    }

    /// Makes a list of the documented parameters, which is also bound to the others.
    fn with(req: &HttpRequest, mut query: Value, others: &[(String, String)]) -> Result<Self> {
        let page: PageQuery = query::of_query(&query)?;

        // The cursor is bound to the path and the filter, whatever the order of the parameters.
        let context = if let Some(asked) = query.as_object_mut() {
            asked.retain(|name, _| !FORM.contains(&name.as_str()));
            let sorted: BTreeMap<_, _> = asked.iter().collect();
            let others: BTreeMap<_, _> = others.iter().map(|pair| (&pair.0, &pair.1)).collect();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!(" {}", serde_json::json!(others))
            };
            format!("{} {}{others}", req.path(), serde_json::json!(sorted))
        } else {
            req.path().to_owned()
        };

        let seal = req.app_data::<Data<Seal>>().expect("the app registers the seal").get_ref();
        let position = page.cursor.map(|cursor| seal.open(&cursor, &context)).transpose()?;

        Ok(Self {
            typed: query::of_query(&query)?,
            query,
            limit: page.limit.unwrap_or(if wants_csv(req) { MOST_CSV_ROWS } else { 50 }),
            counted: page.total.is_some(),
            ids: page.id,
            updated_from: page.updated_from,
            position,
            seal: seal.clone(),
            context,
        })
    }
}

/// The query string of a list with further parameters, which only data names: filters by the fields
/// of types that companies define.
pub struct OpenList<F> {
    pub list: List<F>,
    /// The further parameters by name, none of them twice
    pub others: Vec<(String, String)>,
}

impl<F: DeserializeOwned + IntoParams + 'static> FromRequest for OpenList<F> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            let (query, others) = query::open_query::<List<F>>(req, List::<F>::parameters)?;
            let is_repeated =
                |index: usize| others[..index].iter().any(|it| it.0 == others[index].0);
            if let Some(index) = (0..others.len()).find(|index| is_repeated(*index)) {
                let why = "the parameter occurs more than once";
                let pointer = format!("/{}", others[index].0);
                let faults = vec![Fault::new(pointer, "duplicate_field", why)];
                return Err(query::invalid_query(faults));
            }
            Ok(Self { list: List::with(req, query, &others)?, others })
        };
        ready(read())
    }
}

impl<F: DeserializeOwned + IntoParams + 'static> Argument for OpenList<F> {
    const REFUSALS: Refusals = List::<F>::REFUSALS;
}

impl<F> List<F> {
    /// The filter as it was sent, without references by external id. For these see [`List::query`].
    pub fn as_sent(&self) -> &F {
        &self.typed
    }

    /// The parameters of the filter as one object, with references by external id.
    pub fn query(&self) -> &Value {
        &self.query
    }

    /// Number of rows to load: one more than the page has, to find out whether there is a next
    /// page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Condition `(column, id) > (…)` for the rows that follow the previous page in ascending
    /// order.
    pub fn after<V: DeserializeOwned, C, I>(&self, column: C, id: I) -> Result<Beyond<C, I, V>> {
        Ok(Beyond { column, id, sign: ") > (", position: self.position()? })
    }

    /// Condition `(column, id) < (…)` for the rows that follow the previous page in descending
    /// order.
    pub fn before<V: DeserializeOwned, C, I>(&self, column: C, id: I) -> Result<Beyond<C, I, V>> {
        Ok(Beyond { column, id, sign: ") < (", position: self.position()? })
    }

    /// Condition for the rows selected by the parameters `id` and `updated_from`.
    pub fn rows<I, U>(&self, id: I, updated_at: U) -> Narrowed<I, U> {
        Narrowed { id, updated_at, ids: self.ids.clone(), from: self.updated_from }
    }

    /// Condition for the rows selected by the parameter `id`, for tables without `updated_at`.
    pub fn ids<I: Clone>(&self, id: I) -> Narrowed<I, I> {
        Narrowed { updated_at: id.clone(), id, ids: self.ids.clone(), from: None }
    }

    /// The sort key of the last row on the previous page. `None` for the first page.
    pub fn position<V: DeserializeOwned>(&self) -> Result<Option<V>> {
        let text = self.position.as_deref();
        text.map(serde_json::from_str).transpose().map_err(Error::internal)
    }

    /// Makes a page of the loaded rows. `key` returns the sort key of a row, including its id.
    pub fn page<T, K: Serialize, P: From<Cut<T>>>(
        &self,
        mut items: Vec<T>,
        total: Option<i64>,
        key: impl Fn(&T) -> K,
    ) -> Result<P> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more).map(|item| serde_json::to_string(&key(item)));
        let last = last.transpose().map_err(Error::internal)?;
        let next_cursor = last.map(|last| self.seal.close(&last, &self.context));
        Ok(Cut { items, next_cursor, total }.into())
    }
}

/// The parts of a page, before it has its own type.
pub struct Cut<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
    pub total: Option<i64>,
}

impl<T> Cut<T> {
    /// Converts the items of the page.
    pub fn map<U>(self, form: impl FnMut(T) -> U) -> Cut<U> {
        let Self { items, next_cursor, total } = self;
        Cut { items: items.into_iter().map(form).collect(), next_cursor, total }
    }
}

/// Declares the type of a page. Pages are concrete types, because utoipa inlines generic arguments.
#[macro_export]
macro_rules! page {
    ($(#[$meta:meta])* $name:ident of $item:ty) => {
        $(#[$meta])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            pub items: Vec<$item>,
            /// Absent on the last page
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub next_cursor: Option<String>,
            /// Number of all items. Only with `total=exact`
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub total: Option<i64>,
        }

        impl From<$crate::page::Cut<$item>> for $name {
            fn from(cut: $crate::page::Cut<$item>) -> Self {
                Self { items: cut.items, next_cursor: cut.next_cursor, total: cut.total }
            }
        }

        impl $crate::actix_web::Responder for $name {
            type Body = $crate::actix_web::body::BoxBody;

            fn respond_to(self, req: &$crate::actix_web::HttpRequest) -> $crate::actix_web::HttpResponse {
                $crate::page::answer(req, self.next_cursor.as_deref(), &self)
            }
        }
    };
}

/// Renders a page, with a `Link` header to the next one.
pub fn answer(req: &HttpRequest, next: Option<&str>, page: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        let asked = req.query_string().split('&').filter(|p| !p.starts_with("cursor="));
        let query: Vec<&str> = asked.filter(|p| !p.is_empty()).collect();
        let query = [query.join("&").as_str(), &format!("cursor={next}")].join("&");
        let query = query.trim_start_matches('&');
        response.insert_header((LINK, format!("<{}?{query}>; rel=\"next\"", req.path())));
    }
    response.json(page)
}

/// The condition where a page begins: a row comparison, which an index on (column, id) answers with
/// one seek. Diesel has no row comparison, and `a > x or (a = x and b > y)` would read the whole
/// index.
#[derive(Debug, Clone)]
pub struct Beyond<C, I, V> {
    column: C,
    id: I,
    sign: &'static str,
    position: Option<(V, Uuid)>,
}

impl<C: Expression, I, V> Expression for Beyond<C, I, V> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<Q>, I: AppearsOnTable<Q>, V, Q> AppearsOnTable<Q> for Beyond<C, I, V> {}

impl<C, I, V, Q> SelectableExpression<Q> for Beyond<C, I, V>
where
    C: SelectableExpression<Q>,
    I: SelectableExpression<Q>,
{
}

impl<C, I, V> ValidGrouping<()> for Beyond<C, I, V> {
    type IsAggregate = is_aggregate::No;
}

/// Not static, because the first page has another SQL text than the following ones.
impl<C, I, V> QueryId for Beyond<C, I, V> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, I, V> QueryFragment<Pg> for Beyond<C, I, V>
where
    C: Expression + QueryFragment<Pg>,
    I: QueryFragment<Pg>,
    V: ToSql<C::SqlType, Pg>,
    Pg: HasSqlType<C::SqlType>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some((value, id)) = &self.position else {
            out.push_sql("true");
            return Ok(());
        };
        out.push_sql("(");
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.id.walk_ast(out.reborrow())?;
        out.push_sql(self.sign);
        out.push_bind_param::<C::SqlType, V>(value)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Uuid, Uuid>(id)?;
        out.push_sql(")");
        Ok(())
    }
}
