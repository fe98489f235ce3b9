//! The operations on visits.

use actix_web::{get, patch, post};
use auth::{Body, Can};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged,
    Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::VisitBatch;
use super::{
    CheckIn, CheckOut, NewVisit, Reschedule, Visit, VisitAction, VisitChanges, VisitException,
    VisitExcuse, VisitFilter, VisitOutcome, VisitPage,
};
use crate::{ApproveVisits, ImportVisits, ReadVisits, WriteVisits};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_visits)
        .service(create_visit)
        .service(import_visits)
        .service(read_visit)
        .service(update_visit)
        .service(reschedule_visit)
        .service(cancel_visit)
        .service(check_in)
        .service(check_out)
        .service(report_outcome)
        .service(abandon_visit)
        .service(explain_visit)
        .service(approve_visit)
        .service(list_visit_history);
}

/// List visits
///
/// Latest first: your own and those that you come along to, managers also their people's.
#[utoipa::path(
    tag = "visits",
    params(VisitFilter, PageQuery),
    responses((status = 200, description = "A page of visits", body = VisitPage), Problems),
)]
#[get("/visits")]
async fn list_visits(
    caller: Can<ReadVisits>,
    list: List<VisitFilter>,
    db: Db,
) -> Result<VisitPage> {
    Visit::list(&mut *db.conn().await?, &caller, &list).await
}

/// Plan a visit
///
/// For yourself; managers for their people, the back office for anybody, else 403
/// `not_your_person`. One that nobody planned is planned for today, then begun.
#[utoipa::path(
    tag = "visits",
    request_body = NewVisit,
    responses((status = 201, description = "The planned visit", body = Visit), Problems),
)]
#[post("/visits")]
async fn create_visit(
    caller: Can<WriteVisits>,
    new: Body<NewVisit>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Visit::create(tx, &caller, &new).await).await
}

/// Bring visits in step with another system
///
/// Imported data of any age. Default status: `completed`. Evidence is judged like a phone's; what cannot
/// be true, such as a completed visit of a day to come, fails its item.
#[utoipa::path(
    tag = "visits",
    params(BatchQuery),
    request_body = VisitBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/visits/batch")]
async fn import_visits(
    caller: Can<ImportVisits>,
    batch: Batch<VisitBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&auth::import::<Visit, _>(tx, &caller, &batch).await?))
        .await
}

/// Read a visit
#[utoipa::path(
    tag = "visits",
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[get("/visits/{id}")]
async fn read_visit(caller: Can<ReadVisits>, id: Path<Uuid>, db: Db) -> Result<Tagged<Visit>> {
    Ok(Tagged(Visit::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a planned visit
///
/// In all but its day and its customer. By its owner or whoever leads them.
#[utoipa::path(
    tag = "visits",
    request_body(content = VisitChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[patch("/visits/{id}")]
async fn update_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<VisitChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Plan a visit for another day
///
/// 改期: the old day stays in `rescheduled_from`, all of them in the history.
#[utoipa::path(
    tag = "visits",
    request_body = Reschedule,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/reschedule")]
async fn reschedule_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<Reschedule>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::reschedule(tx, &caller, *id, based_on, &how).await).await
}

/// Cancel a planned visit
#[utoipa::path(
    tag = "visits",
    request_body = VisitExcuse,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/cancel")]
async fn cancel_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<VisitExcuse>,
    write: Write,
) -> Result<Reply> {
    let why = (VisitAction::Cancel, why);
    write
        .update(async move |tx| Visit::excuse(tx, &caller, *id, based_on, (why.0, &why.1)).await)
        .await
}

/// Check in
///
/// 签到: the owner begins the visit, who comes along notes their own arrival. Where the phone was is
/// judged and kept, and never a reason to refuse. One visit at a time, else 409
/// `visit_in_progress` with the `visit_id` to check out of. A missed visit takes only check-ins of
/// its day, by phones that were offline. The visit counts on the day of its owner's check-in.
#[utoipa::path(
    tag = "visits",
    request_body = CheckIn,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/check-in")]
async fn check_in(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    sent: Json<CheckIn>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::check_in(tx, &caller, *id, based_on, &sent).await).await
}

/// Check out
///
/// 签退: the owner ends the visit, also for companions, says what came of it, and whether there was a
/// complaint or a suggestion. A complaint that was recorded on the visit answers that. The next action can become a follow-up at once.
#[utoipa::path(
    tag = "visits",
    request_body = CheckOut,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/check-out")]
async fn check_out(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    sent: Json<CheckOut>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::check_out(tx, &caller, *id, based_on, &sent).await).await
}

/// Say what came of a visit
///
/// While it runs, or after the check-out if it was not said there; again 409 `outcome_given`.
#[utoipa::path(
    tag = "visits",
    request_body = VisitOutcome,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/outcome")]
async fn report_outcome(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    sent: Json<VisitOutcome>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::report(tx, &caller, *id, based_on, &sent).await).await
}

/// Break a visit off
///
/// 中止: it was begun and does not count.
#[utoipa::path(
    tag = "visits",
    request_body = VisitExcuse,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/abandon")]
async fn abandon_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<VisitExcuse>,
    write: Write,
) -> Result<Reply> {
    let why = (VisitAction::Abandon, why);
    write
        .update(async move |tx| Visit::excuse(tx, &caller, *id, based_on, (why.0, &why.1)).await)
        .await
}

/// Explain why a visit was missed
///
/// Once, else 409 `already_explained`.
#[utoipa::path(
    tag = "visits",
    request_body = VisitExcuse,
    responses((status = 200, description = "The visit", body = Visit), Problems),
)]
#[post("/visits/{id}/explain")]
async fn explain_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<VisitExcuse>,
    write: Write,
) -> Result<Reply> {
    let why = (VisitAction::Explain, why);
    write
        .update(async move |tx| Visit::excuse(tx, &caller, *id, based_on, (why.0, &why.1)).await)
        .await
}

/// Approve an exception
///
/// A completed visit with all but the evidence of its place, or sent a day later, becomes valid.
/// Never by its owner: 403 `self_approval`, for admins, too.
#[utoipa::path(
    tag = "visits",
    request_body = VisitException,
    responses((status = 200, description = "The valid visit", body = Visit), Problems),
)]
#[post("/visits/{id}/approve-exception")]
async fn approve_visit(
    caller: Can<ApproveVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<VisitException>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| Visit::approve(tx, &caller, *id, based_on, &why.reason).await)
        .await
}

/// What happened to a visit
///
/// Latest first: each day it was planned for, each check and each judgement.
#[utoipa::path(
    tag = "visits",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/visits/{id}/history")]
async fn list_visit_history(
    caller: Can<ReadVisits>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let visit = Visit::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &visit, &list).await
}
