//! The steps that move complaints on: one operation for each action of the state machine.

use actix_web::post;
use auth::{Body, Can};
use platform::{IfSent, Json, Path, Problems, Reply, Result, Tx, Write};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Complaint;
use super::requests::{
    ComplaintAssignment, ComplaintCall, ComplaintConfirmation, ComplaintReason, ComplaintRejection,
    ComplaintResolution, ComplaintWithdrawal, NewComplaintProposal,
};
use super::steps::Step;
use crate::{FileComplaints, HandleComplaints, JudgeComplaints, WriteComplaints};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(accept_complaint)
        .service(assign_complaint)
        .service(reject_complaint)
        .service(start_complaint)
        .service(wait_for_customer)
        .service(resume_complaint)
        .service(resolve_complaint)
        .service(close_complaint)
        .service(reopen_complaint)
        .service(withdraw_complaint)
        .service(propose_for_complaint)
        .service(file_complaint)
        .service(confirm_complaint)
        .service(call_about_complaint)
        .service(escalate_complaint)
        .service(dispatch_complaint);
}

/// Accept a complaint
///
/// 受理: from registered to accepted, with an owner who sees to it. This is the first response. The
/// person complained about is never the owner: 422 `owner_is_subject`; nor do they decide on the
/// complaint in any other way: 403 `complaint_about_you`.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintAssignment,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/accept")]
async fn accept_complaint(
    caller: Can<HandleComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    whom: Body<ComplaintAssignment>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::hand(tx, &caller, *id, based_on, &whom, Step::Accept).await
    };
    write.update(step).await
}

/// Give a complaint to somebody else
///
/// While it is accepted, in progress or with the customer.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintAssignment,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/assign")]
async fn assign_complaint(
    caller: Can<HandleComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    whom: Body<ComplaintAssignment>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::hand(tx, &caller, *id, based_on, &whom, Step::Assign).await
    };
    write.update(step).await
}

/// Reject a complaint
///
/// 不成立: from registered, with a reason that the customer has been told.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintRejection,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/reject")]
async fn reject_complaint(
    caller: Can<JudgeComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<ComplaintRejection>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Reject(&why)).await
    };
    write.update(step).await
}

/// Start on a complaint
///
/// From accepted to in progress, by its owner; else 403 `not_the_owner`.
#[utoipa::path(
    tag = "complaints",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/start")]
async fn start_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::Start).await;
    write.update(step).await
}

/// Wait for the customer
///
/// From in progress to `pending_customer`, by its owner. The resolution is put off by as much of its
/// term as the wait takes: working time for terms in working days, every minute for those in hours.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintReason,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/wait")]
async fn wait_for_customer(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<ComplaintReason>,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::Wait(&why)).await;
    write.update(step).await
}

/// Go on with a complaint
///
/// From `pending_customer` to in progress, by whoever sees it.
#[utoipa::path(
    tag = "complaints",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/resume")]
async fn resume_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::Resume).await;
    write.update(step).await
}

/// Resolve a complaint
///
/// From in progress to resolved, by its owner, with its root cause. A compensation lies within the
/// authority of the role, else 422 `authority_exceeded`.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintResolution,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/resolve")]
async fn resolve_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<ComplaintResolution>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Resolve(&how)).await
    };
    write.update(step).await
}

/// Close a complaint
///
/// From resolved to closed, once it is filed (else 409 `not_filed`) and the customer has confirmed or
/// was called (else 409 `not_confirmed`).
#[utoipa::path(
    tag = "complaints",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/close")]
async fn close_complaint(
    caller: Can<FileComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::Close).await;
    write.update(step).await
}

/// Reopen a complaint
///
/// From resolved or closed to in progress, within `complaint_reopen_days` (else 409
/// `too_late_to_reopen`), by whoever sees it. It is one step more severe, counts as a repeat, and its
/// feedback and resolution are due anew; it stays filed.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintReason,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/reopen")]
async fn reopen_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<ComplaintReason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Reopen(&why)).await
    };
    write.update(step).await
}

/// Withdraw a complaint
///
/// 撤诉: from registered, accepted or in progress, by whoever registered it (else 403
/// `not_the_reporter`), with what the customer said.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintWithdrawal,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/withdraw")]
async fn withdraw_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<ComplaintWithdrawal>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Withdraw(&why)).await
    };
    write.update(step).await
}

/// Propose how to handle a complaint
///
/// 处理建议: while it is not settled, by whoever sees it. The same once more changes nothing.
#[utoipa::path(
    tag = "complaints",
    request_body = NewComplaintProposal,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/proposals")]
async fn propose_for_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    what: Json<NewComplaintProposal>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Propose(&what)).await
    };
    write.update(step).await
}

/// File a complaint
///
/// 备案: gives it the next number of the year, without a gap, once (else 409 `already_filed`).
#[utoipa::path(
    tag = "complaints",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/file")]
async fn file_complaint(
    caller: Can<FileComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::File).await;
    write.update(step).await
}

/// Record the customer's confirmation
///
/// Of a resolved complaint, by its owner or the back office (else 403 `not_the_owner`), once (else 409
/// `already_confirmed`).
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintConfirmation,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/confirm")]
async fn confirm_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<ComplaintConfirmation>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Confirm(&how)).await
    };
    write.update(step).await
}

/// Record a follow-up call
///
/// 回访: of a resolved complaint, by its owner or the back office, once (else 409 `already_called`).
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintCall,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/follow-up-call")]
async fn call_about_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    call: Json<ComplaintCall>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::FollowUpCall(&call)).await
    };
    write.update(step).await
}

/// Escalate a complaint
///
/// One level up, as far as the director (else 409 `fully_escalated`); for the same reason only once.
/// By itself it escalates at 80, 100 and 150 percent of the term that is furthest gone.
#[utoipa::path(
    tag = "complaints",
    request_body = ComplaintReason,
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/escalate")]
async fn escalate_complaint(
    caller: Can<JudgeComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<ComplaintReason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Escalate(&why)).await
    };
    write.update(step).await
}

/// Dispatch a complaint to quality
///
/// The quality department sees it from then on.
#[utoipa::path(
    tag = "complaints",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
#[post("/complaints/{id}/dispatch")]
async fn dispatch_complaint(
    caller: Can<HandleComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::Dispatch).await;
    write.update(step).await
}
