//! The operations on targets.

use actix_web::{delete, get, patch, post};
use auth::{Body, Can};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged,
    Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::TargetBatch;
use super::decompose::{Decomposition, TargetParts};
use super::{Approval, NewTarget, Target, TargetChanges, TargetFilter, TargetPage};
use crate::{ApproveTargets, ImportTargets, ReadTargets, WriteTargets};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_targets)
        .service(create_target)
        .service(import_targets)
        .service(read_target)
        .service(update_target)
        .service(delete_target)
        .service(approve_target)
        .service(close_target)
        .service(decompose_target)
        .service(list_target_history);
}

/// List targets
///
/// Your own and those of your people and teams, of the customers that you see, and the company's.
/// The parts of a target are those with its `parent_id`.
#[utoipa::path(
    tag = "targets",
    params(TargetFilter, PageQuery),
    responses((status = 200, description = "A page of targets", body = TargetPage), Problems),
)]
#[get("/targets")]
async fn list_targets(
    caller: Can<ReadTargets>,
    list: List<TargetFilter>,
    db: Db,
) -> Result<TargetPage> {
    Target::list(&mut *db.conn().await?, &caller, &list).await
}

/// Draft a target
///
/// Salespeople draft their own, managers those of their people, teams and customers, the sales
/// director and the back office all; else 403 `not_your_target`. There is one for each owner,
/// metric, level, dimension and period. A part lies within its parent's period and has its metric,
/// level and currency. A gross margin is for those who may see costs (403 `forbidden_field`).
#[utoipa::path(
    tag = "targets",
    request_body = NewTarget,
    responses((status = 201, description = "The new draft", body = Target), Problems),
)]
#[post("/targets")]
async fn create_target(
    caller: Can<WriteTargets>,
    new: Body<NewTarget>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Target::create(tx, &caller, &new).await).await
}

/// Bring targets in step with an ERP
///
/// Creates what is new, changes what differs, leaves the rest alone; parents and parts may come in
/// any order. By default they are `approved`. Their sums are not checked.
#[utoipa::path(
    tag = "targets",
    params(BatchQuery),
    request_body = TargetBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/targets/batch")]
async fn import_targets(
    caller: Can<ImportTargets>,
    batch: Batch<TargetBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&auth::import::<Target, _>(tx, &caller, &batch).await?))
        .await
}

/// Read a target
///
/// What has been reached of it stands in the reports; once it is closed also in `closed_actual`.
#[utoipa::path(
    tag = "targets",
    responses((status = 200, description = "The target", body = Target), Problems),
)]
#[get("/targets/{id}")]
async fn read_target(caller: Can<ReadTargets>, id: Path<Uuid>, db: Db) -> Result<Tagged<Target>> {
    Ok(Tagged(Target::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a target
///
/// A draft in all, by whoever may draft it. An approved one only in its value, with a reason, by
/// those who approve targets and not by its owner; it and what it is a part of stay fully
/// allocated, else 409 `target_under_allocated`. A closed one not at all: 409 `target_closed`.
#[utoipa::path(
    tag = "targets",
    request_body(content = TargetChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The target", body = Target), Problems),
)]
#[patch("/targets/{id}")]
async fn update_target(
    caller: Can<WriteTargets>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<TargetChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Target::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Delete a draft
///
/// By whoever may draft it. Not one that has parts (409 `still_referenced`), nor one that an
/// approved target cannot do without (409 `target_under_allocated`).
#[utoipa::path(
    tag = "targets",
    responses((status = 204, description = "It is gone"), Problems),
)]
#[delete("/targets/{id}")]
async fn delete_target(
    caller: Can<WriteTargets>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Target::delete(tx, &caller, *id, based_on).await).await
}

/// Put a target into force
///
/// By the sales director or a manager who leads its owner, never by its author nor by its owner:
/// 403 `self_approval`, for admins, too. If it has parts they have to add up to it, else 409
/// `target_under_allocated` with `allocated` and `required`; `force` goes on.
#[utoipa::path(
    tag = "targets",
    request_body = Approval,
    responses((status = 200, description = "The approved target", body = Target), Problems),
)]
#[post("/targets/{id}/approve")]
async fn approve_target(
    caller: Can<ApproveTargets>,
    id: Path<Uuid>,
    based_on: IfSent,
    approval: Json<Approval>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Target::approve(tx, &caller, *id, based_on, &approval).await).await
}

/// Close a target
///
/// When its period is over and the working days have passed that the company gives the last papers
/// (`close_on_working_day`), else 409 `period_not_over`. What has been reached is kept in
/// `closed_actual` and does not change any more. By the sales director or a manager who leads its
/// owner.
#[utoipa::path(
    tag = "targets",
    responses((status = 200, description = "The closed target", body = Target), Problems),
)]
#[post("/targets/{id}/close")]
async fn close_target(
    caller: Can<ApproveTargets>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Target::close(tx, &caller, *id, based_on).await).await
}

/// Break a target down
///
/// 分解: into drafts for its quarters, months, weeks or days, by working days, equally or by
/// weights. They add up to it to the cent. A week that the end of the period cuts short is custom.
/// Once only, else 409 `target_has_parts`. By whoever may draft it.
#[utoipa::path(
    tag = "targets",
    request_body = Decomposition,
    responses((status = 200, description = "Its parts", body = TargetParts), Problems),
)]
#[post("/targets/{id}/decompose")]
async fn decompose_target(
    caller: Can<WriteTargets>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<Decomposition>,
    write: Write,
) -> Result<Reply> {
    let parts = async move |tx: &mut _| Target::decompose(tx, &caller, *id, based_on, &how).await;
    write.run(async move |tx| Reply::json(&parts(tx).await?)).await
}

/// What happened to a target
///
/// Latest first: who approved, changed and closed it, and why.
#[utoipa::path(
    tag = "targets",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/targets/{id}/history")]
async fn list_target_history(
    caller: Can<ReadTargets>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let target = Target::find(&mut conn, &caller, *id).await?;
    let history = changes::history(&mut conn, &target, &list).await?;
    Ok(target.shown_history(&caller, history))
}
