//! The path from a question to its answer, common to all reports. PostgreSQL computes, rounds and
//! writes every row as JSON; this module puts the rows into the requested format.

use access::Caller;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, VARY};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web::Data};
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use intake::HasReferences;
use platform::{
    Argument, Clock, Conn, Date, Db, Error, NoFilter, Query, Refusals, Result, Timestamp,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::future::{Ready, ready};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use crate::csv;
use crate::filter::{Filter, Narrows};
use crate::form::{FormQuery, SourceQuery};
use crate::people;
use crate::period::{HasPeriod, PeriodQuery, Range};
use crate::permits::{ReportPermit, ReportPermits};
use crate::sql::Binds;

pub use crate::question::Question;

/// Maximum number of rows of a JSON answer; a longer one is refused. CSV is streamed and has no
/// limit.
pub const MOST_ROWS: usize = 200_000;

/// Memory for each sort and each hash table of a report. The bookings of a year with half a million
/// orders fit into it.
pub const MEMORY: &str = "work_mem = '64MB'";

/// The query string of a report: its own parameters, its period, its filter and its format.
#[derive(Debug, Deserialize)]
#[serde(bound = "Q: DeserializeOwned, F: DeserializeOwned, P: DeserializeOwned")]
pub struct ReportQuery<Q = NoFilter, F = Filter, P = PeriodQuery> {
    #[serde(flatten)]
    pub own: Q,
    #[serde(flatten)]
    filter: F,
    #[serde(flatten)]
    period: P,
    #[serde(flatten)]
    source: SourceQuery,
    #[serde(flatten)]
    form: FormQuery,
}

impl<Q: IntoParams, F: IntoParams, P: IntoParams> IntoParams for ReportQuery<Q, F, P> {
    fn into_params(at: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let own = Q::into_params(&at).into_iter().chain(P::into_params(&at));
        let narrowed = own.chain(F::into_params(&at)).chain(SourceQuery::into_params(&at));
        narrowed.chain(FormQuery::into_params(&at)).collect()
    }
}

impl<Q, F: HasReferences, P> HasReferences for ReportQuery<Q, F, P> {
    const REFERENCES: &'static [intake::Reference<'static>] = F::REFERENCES;
}

/// The SQL statements of a report.
#[derive(Debug)]
pub struct Plan {
    /// Name of the report in its path
    pub name: &'static str,
    pub binds: Binds,
    /// `with …` expressions shared by rows and totals. If there are any, one statement returns both
    pub shared: String,
    /// Selects the rows in their final order
    pub rows: String,
    /// Selects the single row of totals
    pub totals: String,
    /// Reasons to refuse the answer: a statement that selects one boolean, and the error
    pub refusals: Vec<(String, fn() -> Error)>,
    /// Prefixes of the people in the rows: `owner` for `owner_id` and `owner_external_id`
    pub people: &'static [&'static str],
    /// People whose external ids the reader may see; `None` for everyone
    pub known: Option<Vec<Uuid>>,
}

impl Plan {
    /// Creates a plan without refusals.
    pub fn new(name: &'static str, binds: Binds, rows: String, totals: String) -> Self {
        let (shared, people) = (String::new(), &["salesperson", "user", "owner"]);
        Self { name, binds, shared, rows, totals, refusals: vec![], people, known: None }
    }

    /// Returns one statement for the rows, including the shared expressions.
    pub fn all_rows(&self) -> String {
        if self.shared.is_empty() {
            return self.rows.clone();
        }
        // The rows may begin with a `with` of their own, so they become a subquery.
        format!("{} select * from ({}) as listed", self.shared, self.rows)
    }

    /// Reads the rows and the totals. It reads one row more than [`MOST_ROWS`], so that the caller
    /// notices an answer that is too long.
    async fn read(&self, conn: &mut Conn) -> Result<(Vec<Line>, Line)> {
        let (rows, totals) = (as_lines(&self.rows), as_lines(&self.totals));
        let rows = format!("{rows} limit {}", MOST_ROWS + 1);
        if self.shared.is_empty() {
            let rows = self.binds.query(&rows).load(conn).await?;
            return Ok((rows, self.binds.query(&totals).get_result(conn).await?));
        }

        let both = format!(
            "{} select line from (
                select 0 as part, row_number() over () as place, line from ({rows}) as listed
                union all select 1, 1, line from ({totals}) as summed
            ) as lines order by part, place",
            self.shared
        );

        let mut rows: Vec<Line> = self.binds.query(&both).load(conn).await?;
        let totals = rows.pop().ok_or_else(|| Error::internal("a report has totals"))?;
        Ok((rows, totals))
    }
}

#[derive(diesel::QueryableByName)]
pub struct Line {
    #[diesel(sql_type = Text)]
    pub line: String,
}

/// The environment in which reports run: the database, the time, and the formats that the reader
/// accepts.
pub struct ReportContext {
    pub db: Db,
    turns: ReportPermits,
    today: Date,
    now: Timestamp,
    zone: String,
    accept: Option<String>,
}

impl FromRequest for ReportContext {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let db = Db::from_request(req, payload).into_inner();
        let turns = req.app_data::<Data<ReportPermits>>().expect("the app registers the turns");
        let turns = turns.get_ref().clone();
        let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");
        let accept =
            req.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).map(str::to_owned);
        let (now, zone) = (clock.now(), clock.zone().iana_name().unwrap_or("UTC").to_owned());
        let today = clock.day_of(now);
        ready(db.map(|db| Self { db, turns, today, now, zone, accept }))
    }
}

impl Argument for ReportContext {
    const REFUSALS: Refusals =
        &[(400, "not_available"), (406, "not_available"), (422, "too_many_rows")];
}

impl ReportContext {
    /// Parses a question and answers it with the report's plan.
    pub async fn answer<Q, F, P>(
        self,
        caller: &Caller,
        asked: &Query<ReportQuery<Q, F, P>>,
        plan: impl FnOnce(Question<'_, Q>) -> Result<Plan>,
    ) -> Result<HttpResponse>
    where
        Q: DeserializeOwned,
        F: HasReferences + Narrows + DeserializeOwned,
        P: HasPeriod + DeserializeOwned,
    {
        let csv = asked.form.wants_csv(self.accept.as_deref())?;
        let turn = self.turns.take(caller.id(), csv).await?;
        let question = self.understand(caller, asked).await?;
        let (as_of, range) = (question.as_of, question.range);
        let plan = Plan { known: people::known_to(caller), ..plan(question)? };
        self.carry_out(turn, plan, asked.raw(), &asked.form, as_of, range).await
    }

    /// Resolves a question. Faults of the format come first, then those of the period, then unknown
    /// references.
    async fn understand<'a, Q, F, P>(
        &self,
        caller: &'a Caller,
        asked: &Query<ReportQuery<Q, F, P>>,
    ) -> Result<Question<'a, Q>>
    where
        Q: DeserializeOwned,
        F: HasReferences + Narrows + DeserializeOwned,
        P: HasPeriod + DeserializeOwned,
    {
        let csv = asked.form.wants_csv(self.accept.as_deref())?;
        let range = asked.period.range()?;
        let conn = &mut *self.db.conn().await?;
        let asked = intake::parameters::of_query(conn, caller, asked).await?;
        let mut binds = Binds::default();
        let narrowed = asked.filter.conditions(&mut binds);
        Ok(Question {
            caller,
            own: asked.own,
            range,
            as_of: asked.form.as_of.unwrap_or(self.today),
            today: self.today,
            until: asked.form.as_of,
            now: self.now,
            zone: self.zone.clone(),
            source: asked.source.source_system.map(|source| binds.text(&source)),
            binds,
            narrowed,
            csv,
        })
    }

    async fn carry_out(
        self,
        turn: ReportPermit,
        plan: Plan,
        sent: &Value,
        form: &FormQuery,
        as_of: Date,
        range: Range,
    ) -> Result<HttpResponse> {
        if form.wants_csv(self.accept.as_deref())? {
            return csv::stream(self.db, turn, plan, form.bom == Some(true)).await;
        }

        // The answer states the days of the period, however the reader named it.
        let mut parameters = sent.clone();
        if range != Range::ALL {
            parameters["from"] = range.from.to_string().into();
            parameters["to"] = range.to.to_string().into();
        }

        let conn = &mut *self.db.conn().await?;
        let (rows, totals, currency) = rows(conn, &plan).await?;
        let answer = Answer {
            name: plan.name,
            parameters,
            as_of,
            generated_at: self.now,
            currency,
            rows,
            totals,
        };

        let vary = "Authorization, Accept, Accept-Language";
        let mut response = HttpResponse::Ok();
        response.insert_header((VARY, vary)).insert_header((CACHE_CONTROL, "private, no-cache"));
        Ok(response.json(answer))
    }
}

/// The envelope of every JSON answer; each report documents its own with its row type.
#[derive(Serialize)]
struct Answer {
    #[serde(rename = "report")]
    name: &'static str,
    parameters: Value,
    as_of: Date,
    generated_at: Timestamp,
    currency: String,
    rows: Vec<Box<RawValue>>,
    totals: Box<RawValue>,
}

/// Runs all statements in one snapshot of the database, so that the totals match the rows.
async fn rows(conn: &mut Conn, plan: &Plan) -> Result<(Vec<Box<RawValue>>, Box<RawValue>, String)> {
    let mut snapshot = conn.build_transaction().read_only().repeatable_read();
    snapshot
        .run(async |conn| {
            conn.batch_execute(&format!("set local {MEMORY}")).await?;
            refuse(conn, plan).await?;
            let (rows, totals) = plan.read(conn).await?;
            if rows.len() > MOST_ROWS {
                return Err(too_many_rows());
            }
            let currency = "select coalesce((select currency from company), '') as line";
            let currency: Line = diesel::sql_query(currency).get_result(conn).await?;
            let mut shown = Vec::with_capacity(rows.len());
            for (number, row) in rows.into_iter().enumerate() {
                shown.push(raw(plan.shown(row.line)?)?);
                // Converting 200,000 rows takes a while, and other requests need this worker, too.
                if number % 500 == 499 {
                    tokio::task::yield_now().await;
                }
            }
            Ok((shown, raw(totals.line)?, currency.line))
        })
        .await
}

/// Returns the error for an answer of more than [`MOST_ROWS`] rows.
pub fn too_many_rows() -> Error {
    let detail = "The report has more than 200,000 rows. Narrow it, or request CSV.";
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_rows").detail(detail)
}

/// Checks the plan's refusals and fails with the first that applies.
pub async fn refuse(conn: &mut Conn, plan: &Plan) -> Result<()> {
    for (holds, refusal) in &plan.refusals {
        let holds = format!("select ({holds})::text as line");
        let answer: Line = plan.binds.query(&holds).get_result(conn).await?;
        if answer.line == "true" {
            return Err(refusal());
        }
    }
    Ok(())
}

/// Wraps a statement so that each row becomes one JSON object, with its members in column order.
pub fn as_lines(rows: &str) -> String {
    format!("select row_to_json(it)::text as line from ({rows}) as it")
}

fn raw(json: String) -> Result<Box<RawValue>> {
    RawValue::from_string(json).map_err(Error::internal)
}

/// Declares the answer of a report for the OpenAPI document, because utoipa inlines generic
/// arguments.
#[macro_export]
macro_rules! report {
    ($(#[$meta:meta])* $name:ident of $row:ty, $totals:ty) => {
        $(#[$meta])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            /// Name of the report
            pub report: String,
            /// Parameters as the server interpreted them
            #[schema(value_type = Object)]
            pub parameters: serde_json::Value,
            /// Business date of the report
            pub as_of: platform::Date,
            pub generated_at: platform::Timestamp,
            /// Currency of all amounts, ISO 4217
            #[schema(example = "CNY")]
            pub currency: String,
            pub rows: Vec<$row>,
            pub totals: $totals,
        }
    };
}
