//! The operations on complaints. The actions that move a complaint on are in `http_actions.rs`.

use access::Can;
use actix_web::web::Data;
use actix_web::{get, patch, post};
use intake::Body;
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
/// Returns the complaints owned or registered by you or people visible to you, and those of your
/// customers. Users with role `quality` also see the complaints that were dispatched to the quality
/// department. Breaches are shown as of now.
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
/// Registers a complaint from the field or the office.
///
/// The terms start at `occurred_at` if that is at most 24 hours ago, otherwise now. The first
/// response is due within 24, 12 or 2 hours by severity, or half of that for customers of tier A;
/// the resolution within 3 working days, 5 working days or 24 hours.
///
/// A complaint repeats an earlier one (再次追诉) if the customer complained about the same category
/// or product and that complaint was closed within `complaint_repeat_days`. It is linked to the
/// earlier one and becomes one step more severe.
///
/// A product that was never sold to the customer is flagged as `product_not_sold`, not refused.
///
/// Send `resolved` to settle the complaint on the spot (当场处理); only sales roles can do this. A
/// compensation above the authority of the role is refused as 422 `authority_exceeded` with the
/// `limit`. The complaint must be filed by the end of the next working day.
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
/// Registers a complaint that was made during a visit. Customer, visit and channel are taken from
/// the visit, which must be visible to you. The visit's `complaint_answer` becomes `true` if it has
/// no answer yet and the visit is in progress or completed. All other rules for new complaints
/// apply.
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

/// Import complaints from another system
///
/// Creates and updates complaints as the other system reports them. Default of `status`:
/// `registered`. The state machine, authorities and filing are not checked, and repeats are not
/// detected.
#[utoipa::path(
    tag = "complaints",
    params(BatchQuery),
    request_body = ComplaintBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
#[post("/complaints/batch")]
async fn import_complaints(
    caller: Can<ImportComplaints>,
    batch: Batch<ComplaintBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| {
            Reply::json(&intake::import::<Complaint, _>(tx, &caller, &batch).await?)
        })
        .await
}

/// Read a complaint
///
/// Returns the complaint with its due times, its settlement and its proposals.
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

/// Update a complaint
///
/// Only a complaint that is not settled can be changed, by its reporter, its owner, or users who
/// accept complaints; others get 403 `not_your_complaint`. Only the latter can change the severity.
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

/// List a complaint's history
///
/// Returns the changes of the complaint, latest first: every action with its actor and reason, and
/// every breach of a term.
#[utoipa::path(
    tag = "complaints",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
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
