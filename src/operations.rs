//! Operations outside the versioned API for the people who run the service: health, metrics, the
//! API document and the meanings of problem codes.

use std::sync::LazyLock;
use std::time::Duration;

use access::{Can, Domain};
use actix_web::http::StatusCode;
use actix_web::http::header::ContentEncoding;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Double};
use diesel_async::RunQueryDsl;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use platform::jobs::JobState;
use platform::resource::tagged;
use platform::{Db, Error, Path, Problems, Result, Routes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{compression, document, problems, process_metrics, schedule};

/// The operations and jobs of the service itself.
pub const DOMAIN: Domain = Domain {
    routes: &[api_routes],
    root_routes: &[routes],
    permissions: PERMISSIONS,
    jobs: schedule::OWN,
    ..Domain::new("operations", "Running the service, 运维")
};

access::permissions! {
    ReadJobs: Admin;
}

/// Longest wait for the database in a health check.
const GLANCE: Duration = Duration::from_secs(2);

/// Health of the service
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    pub status: &'static str,
    pub version: &'static str,
}

impl Health {
    const OK: Self = Self { status: "ok", version: env!("CARGO_PKG_VERSION") };
}

/// Meaning of a problem code
#[derive(Debug, Serialize, ToSchema)]
pub struct Meaning {
    #[schema(example = "possible_duplicate")]
    pub code: &'static str,
    pub en: &'static str,
    /// 中文
    pub zh: &'static str,
}

/// Routes outside `/api/v1`, for everyone who can reach the port.
fn routes(routes: &mut Routes) {
    platform::mount!(routes, live, ready, read_metrics, read_document, explain_problem);
}

/// Routes within `/api/v1`.
fn api_routes(routes: &mut Routes) {
    platform::mount!(routes, list_jobs);
}

/// Check liveness
///
/// Answers while the process runs, even if the database does not.
#[utoipa::path(
    get, path = "/health/live",
    security(()),
    responses((status = 200, description = "The process is alive", body = Health), Problems),
)]
async fn live() -> web::Json<Health> {
    web::Json(Health::OK)
}

/// Check readiness
///
/// Returns 503 while the database is out of reach or has no schema yet.
#[utoipa::path(
    get, path = "/health/ready",
    security(()),
    responses(
        (status = 200, description = "The service is ready", body = Health),
        (status = 503, description = "`unavailable`"),
        Problems,
    ),
)]
async fn ready(db: Db) -> Result<web::Json<Health>> {
    let seen = sql::<Bool>("true from company");
    let mut conn = db.conn().await?.within(GLANCE);
    let row = diesel::select(seen).get_result::<bool>(&mut conn).await;
    row.map(|_| web::Json(Health::OK))
        .map_err(|error| Error::unavailable("unavailable").cause(error))
}

/// Read the metrics
///
/// Returns all metrics in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics",
    security(()),
    responses((status = 200, description = "All metrics", body = String,
        content_type = "text/plain"), Problems),
)]
async fn read_metrics() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(METRICS.render() + &process_metrics::text())
}

/// Read the OpenAPI document
///
/// Returns this document, as the running service has it. Returns 304 if the client has this version
/// already.
#[utoipa::path(
    get, path = "/openapi.json",
    security(()),
    responses(
        (status = 200, description = "The document", body = Object,
            headers(("ETag" = String))),
        Problems,
    ),
)]
async fn read_document(req: HttpRequest) -> Result<HttpResponse> {
    let coding = compression::accepted(&req);
    let body = document::compressed(coding).await?;
    let mut response = tagged(&req, document::tag(), "no-cache", body);
    if response.status() == StatusCode::OK && coding != ContentEncoding::Identity {
        compression::mark_compressed(&mut response, coding);
    }
    Ok(response)
}

/// Explain a problem code
///
/// The `type` of every problem is a link to this operation.
#[utoipa::path(
    get, path = "/problems/{code}",
    security(()),
    params(("code" = String, Path, description = "Problem code", example = "possible_duplicate")),
    responses((status = 200, description = "The meaning of the code", body = Meaning), Problems),
)]
async fn explain_problem(code: Path<String>) -> Result<web::Json<Meaning>> {
    let known = problems::MEANINGS
        .iter()
        .find(|meaning| meaning.0 == *code)
        .ok_or_else(Error::not_found)?;
    Ok(web::Json(Meaning { code: known.0, en: known.1, zh: known.2 }))
}

/// List jobs
///
/// Returns the background jobs, with their last run, their next run and their failures.
#[utoipa::path(
    get, path = "/jobs",
    responses((status = 200, description = "All jobs", body = Vec<JobState>), Problems),
)]
async fn list_jobs(_: Can<ReadJobs>, db: Db) -> Result<web::Json<Vec<JobState>>> {
    JobState::list(&mut *db.conn().await?).await.map(web::Json)
}

/// Collector of all metrics of this process.
pub static METRICS: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds);
    builder
        .expect("there are buckets")
        .install_recorder()
        .expect("nobody else in this process collects metrics")
});

/// Measures every few seconds what cannot be counted. The change feed lags behind by the age of the
/// oldest transaction that writes, in any database of the server.
pub async fn watch(db: Db) {
    loop {
        let lag = "coalesce(extract(epoch from now() - min(xact_start)), 0)::float8 \
                   from pg_stat_activity where backend_xid is not null";
        if let Ok(mut conn) = db.conn().await {
            let lag = diesel::select(sql::<Double>(lag)).get_result::<f64>(&mut conn).await;
            gauge!("feed_lag_seconds").set(lag.unwrap_or(f64::NAN));
        }
        // Samples of histograms accumulate until they are counted, which otherwise only happens on
        // a read.
        METRICS.run_upkeep();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Starts to collect metrics. Earlier counts are lost.
pub fn collect() {
    LazyLock::force(&METRICS);
    for (name, help) in COUNTERS {
        describe_counter!(*name, *help);
    }
    for (name, help) in GAUGES {
        describe_gauge!(*name, *help);
    }
    for (name, help) in HISTOGRAMS {
        describe_histogram!(*name, Unit::Seconds, *help);
    }
}

type Help = &'static [(&'static str, &'static str)];

const COUNTERS: Help = &[
    ("http_requests_total", "Requests, by method, route and status"),
    ("batch_rows_total", "Items of batches, by type and outcome"),
    ("job_failures_total", "Failed runs of jobs"),
    ("webhook_attempts_total", "Deliveries to webhooks, by outcome"),
    ("attachment_uploads_total", "Uploaded files, by content type"),
    ("attachment_store_failures_total", "Failed operations on the store of files"),
];

const GAUGES: Help = &[
    ("feed_lag_seconds", "Age of the oldest transaction that writes; the change feed waits for it"),
    ("pending_items", "Items of batches that wait for something they refer to, by status"),
    ("pending_items_oldest_seconds", "Age of the oldest pending item"),
    ("receivables_differences", "Rows whose open amount differs from their allocations"),
    ("open_items_differences", "Documents that count towards credit with a wrong amount"),
];

const HISTOGRAMS: Help = &[
    ("http_request_seconds", "Time to the head of the response, by method and route"),
    ("pool_wait_seconds", "Time until a request gets a database connection"),
    ("attachment_store_seconds", "Time of operations on the store of files"),
];
