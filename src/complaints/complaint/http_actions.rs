//! The actions that move complaints on, up to their end: one operation per action.

use access::Can;
use intake::Body;
use platform::{IfSent, Json, Path, Problems, Reason, Reply, Result, Routes, Tx, Write};
use uuid::Uuid;

use super::Complaint;
use super::requests::{
    ComplaintAssignment, ComplaintRejection, ComplaintResolution, ComplaintWithdrawal,
};
use super::steps::Step;
use crate::{FileComplaints, HandleComplaints, JudgeComplaints, WriteComplaints};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        accept_complaint,
        assign_complaint,
        reject_complaint,
        start_complaint,
        wait_for_customer,
        resume_complaint,
        resolve_complaint,
        close_complaint,
        reopen_complaint,
        withdraw_complaint,
    );
}

/// Accept a complaint
///
/// Moves the complaint from `registered` to `accepted` (受理) and sets its owner. Accepting counts
/// as the first response. The person complained about cannot be the owner (422 `owner_is_subject`),
/// nor decide on the complaint in any other way (403 `complaint_about_you`).
#[utoipa::path(
    post, path = "/complaints/{id}/accept",
    request_body = ComplaintAssignment,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
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

/// Assign a complaint to another owner
///
/// The complaint must be accepted, in progress or waiting for the customer.
#[utoipa::path(
    post, path = "/complaints/{id}/assign",
    request_body = ComplaintAssignment,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`complaint_about_you`"),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`owner_is_subject`"),
        Problems,
    ),
)]
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
/// Moves the complaint from `registered` to `rejected` (不成立), with a reason. The customer must
/// have been informed.
#[utoipa::path(
    post, path = "/complaints/{id}/reject",
    request_body = ComplaintRejection,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`complaint_about_you`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
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

/// Start work on a complaint
///
/// Moves the complaint from `accepted` to `in_progress`. Only its owner can do this; others get 403
/// `not_the_owner`.
#[utoipa::path(
    post, path = "/complaints/{id}/start",
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
/// Moves the complaint from `in_progress` to `pending_customer`. Only its owner can do this. The
/// wait extends the term of the resolution: by the working time in it if the term is in working
/// days, by every minute if it is in hours.
#[utoipa::path(
    post, path = "/complaints/{id}/wait",
    request_body = Reason,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`not_the_owner`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn wait_for_customer(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut Tx| Complaint::act(tx, &caller, *id, based_on, Step::Wait(&why)).await;
    write.update(step).await
}

/// Resume a complaint
///
/// Moves the complaint from `pending_customer` to `in_progress`. Every user who sees the complaint
/// can do this.
#[utoipa::path(
    post, path = "/complaints/{id}/resume",
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
/// Moves the complaint from `in_progress` to `resolved`, with its root cause. Only its owner can do
/// this. A compensation above the authority of the role is refused as 422 `authority_exceeded`.
#[utoipa::path(
    post, path = "/complaints/{id}/resolve",
    request_body = ComplaintResolution,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`not_the_owner`"),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
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
/// Moves the complaint from `resolved` to `closed`. It must be filed, otherwise the request is
/// refused as 409 `not_filed`. The customer must have confirmed the settlement or been called,
/// otherwise it is refused as 409 `not_confirmed`.
#[utoipa::path(
    post, path = "/complaints/{id}/close",
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`complaint_about_you`"),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
/// Moves the complaint from `resolved` or `closed` to `in_progress`, within
/// `complaint_reopen_days`; later, the request is refused as 409 `too_late_to_reopen`. Every user
/// who sees the complaint can do this. The complaint becomes one step more severe and counts as a
/// repeat. The terms for interim feedback and resolution restart. Its filing number stays.
#[utoipa::path(
    post, path = "/complaints/{id}/reopen",
    request_body = Reason,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn reopen_complaint(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Reopen(&why)).await
    };
    write.update(step).await
}

/// Withdraw a complaint
///
/// Moves the complaint from `registered`, `accepted` or `in_progress` to `withdrawn` (撤诉), with
/// the customer's statement. Only the user who registered it can do this; others get 403
/// `not_the_reporter`.
#[utoipa::path(
    post, path = "/complaints/{id}/withdraw",
    request_body = ComplaintWithdrawal,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`complaint_about_you`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
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
