//! The operations on complaints; the steps that move them on stand in `http_steps.rs`.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use auth::{Body, Can};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, IfMatch, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::ComplaintBatch;
use super::{
    Complaint, ComplaintChanges, ComplaintFilter, ComplaintPage, NewComplaint, NewVisitComplaint,
};
use crate::{ImportComplaints, ReadComplaints, WriteComplaints};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_complaints)
        .service(create_complaint)
        .service(create_complaint_on_visit)
        .service(import_complaints)
        .service(read_complaint)
        .service(update_complaint)
        .service(list_complaint_history);
}

/// List complaints
///
/// Those that you or your people own or registered, and those of your customers; for the quality
/// department those that were dispatched to it. What is late is told as of now.
#[utoipa::path(
    tag = "complaints",
    params(ComplaintFilter, PageQuery),
    responses((status = 200, description = "A page of complaints", body = ComplaintPage), Problems),
)]
#[get("/complaints")]
async fn list_complaints(
    caller: Can<ReadComplaints>,
    list: List<ComplaintFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<ComplaintPage> {
    Complaint::list(&mut *db.conn().await?, &caller, &list, clock.now()).await
}

/// Register a complaint
///
/// From the field or the office. Terms count from `occurred_at` if that is at most 24 hours ago,
/// else from now: first response within 24, 12 or 2 hours by severity (half of it for customers of
/// tier A), resolution within 3 or 5 working days or 24 hours. What repeats a complaint of this
/// customer that was closed within `complaint_repeat_days` (same category or product 再次追诉) is
/// linked to it and one step more severe. A product that was never sold to the customer is
/// flagged, not refused. With `resolved` a salesperson settles it on the spot 当场处理 within the
/// authority of their role, else 422 `authority_exceeded` with the `limit`; it is to be filed by
/// the end of the next working day.
#[utoipa::path(
    tag = "complaints",
    request_body = NewComplaint,
    responses((status = 201, description = "The new complaint", body = Complaint), Problems),
)]
#[post("/complaints")]
async fn create_complaint(
    caller: Can<WriteComplaints>,
    new: Body<NewComplaint>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Complaint::create(tx, &caller, &new).await).await
}

/// Register a complaint from a visit
///
/// What the customer says while somebody is there: customer, visit and channel are the visit's, of
/// which you need only be able to see it. The visit's `complaint_answer` becomes true if nobody has
/// given it yet, while it runs or once it is completed. All else is as for any new complaint.
#[utoipa::path(
    tag = "complaints",
    request_body = NewVisitComplaint,
    responses((status = 201, description = "The new complaint", body = Complaint), Problems),
)]
#[post("/visits/{id}/complaints")]
async fn create_complaint_on_visit(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    new: Body<NewVisitComplaint>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Complaint::create_on_visit(tx, &caller, *id, &new).await).await
}

/// Bring complaints in step with another system
///
/// A batch reports facts. Default of `status`: `registered`. Steps, authority and filing are not
/// checked, repeats not looked for.
#[utoipa::path(
    tag = "complaints",
    params(BatchQuery),
    request_body = ComplaintBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/complaints/batch")]
async fn import_complaints(
    caller: Can<ImportComplaints>,
    batch: Batch<ComplaintBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&auth::import::<Complaint, _>(tx, &caller, &batch).await?))
        .await
}

/// Read a complaint
///
/// With its due times, its settlement and what was proposed.
#[utoipa::path(
    tag = "complaints",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[get("/complaints/{id}")]
async fn read_complaint(
    caller: Can<ReadComplaints>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<Tagged<Complaint>> {
    Ok(Tagged(Complaint::find(&mut *db.conn().await?, &caller, *id, clock.now()).await?))
}

/// Change a complaint
///
/// While it is not settled, by its reporter, its owner or those who accept complaints (else 403
/// `not_your_complaint`); its severity by the latter only.
#[utoipa::path(
    tag = "complaints",
    request_body(content = ComplaintChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[patch("/complaints/{id}")]
async fn update_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<ComplaintChanges>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| Complaint::update(tx, &caller, *id, based_on, &changes).await)
        .await
}

/// What happened to a complaint
///
/// Latest first: every step with who took it and why, and what became late.
#[utoipa::path(
    tag = "complaints",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/complaints/{id}/history")]
async fn list_complaint_history(
    caller: Can<ReadComplaints>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let complaint = Complaint::find(&mut conn, &caller, *id, clock.now()).await?;
    changes::history(&mut conn, &complaint, &list).await
}
