//! The actions that record the settlement of complaints, and those that raise the alarm.

use access::Can;
use platform::{IfSent, Json, Path, Problems, Reason, Reply, Result, Routes, Tx, Write};
use uuid::Uuid;

use super::Complaint;
use super::requests::{ComplaintCall, ComplaintConfirmation, NewComplaintProposal};
use super::steps::Step;
use crate::{FileComplaints, HandleComplaints, JudgeComplaints, WriteComplaints};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        propose_for_complaint,
        file_complaint,
        confirm_complaint,
        call_about_complaint,
        escalate_complaint,
        dispatch_complaint,
    );
}

/// Propose how to handle a complaint
///
/// Adds a proposal (处理建议) to a complaint that is not settled. Every user who sees the complaint
/// can do this. Repeating your own proposal changes nothing.
#[utoipa::path(
    post, path = "/complaints/{id}/proposals",
    request_body = NewComplaintProposal,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`authority_exceeded`, `no_exchange_rate`"),
        Problems,
    ),
)]
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
/// Files the complaint (备案) under the next number of the year; the numbers have no gaps. A
/// complaint cannot be filed twice (409 `already_filed`).
#[utoipa::path(
    post, path = "/complaints/{id}/file",
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
/// Records that the customer confirmed the settlement of a resolved complaint. Only the owner and
/// the back office can do this; others get 403 `not_the_owner`. A settlement cannot be confirmed
/// twice (409 `already_confirmed`).
#[utoipa::path(
    post, path = "/complaints/{id}/confirm",
    request_body = ComplaintConfirmation,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`complaint_about_you`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
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
/// Records the call (回访) to the customer of a resolved complaint. Only the owner and the back
/// office can do this; others get 403 `not_the_owner`. A second call is refused as 409
/// `already_called`.
#[utoipa::path(
    post, path = "/complaints/{id}/follow-up-call",
    request_body = ComplaintCall,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 403, description = "`complaint_about_you`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
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
/// Raises the complaint by one escalation level, up to the director. Beyond that, the request is
/// refused as 409 `fully_escalated`. Repeating the current reason changes nothing. Complaints also
/// escalate automatically at 80, 100 and 150 percent of the most advanced term.
#[utoipa::path(
    post, path = "/complaints/{id}/escalate",
    request_body = Reason,
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn escalate_complaint(
    caller: Can<JudgeComplaints>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut Tx| {
        Complaint::act(tx, &caller, *id, based_on, Step::Escalate(&why)).await
    };
    write.update(step).await
}

/// Dispatch a complaint to the quality department
///
/// From then on, users with role `quality` see the complaint.
#[utoipa::path(
    post, path = "/complaints/{id}/dispatch",
    responses(
        (status = 200, description = "The complaint", body = Complaint),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
