//! The operations on write-off requests.

use access::Can;
use intake::Body;
use platform::{IfSent, Json, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::{
    Decision, NewWriteOffRequest, WriteOffDecision, WriteOffFilter, WriteOffRequest,
    WriteOffRequestPage,
};
use crate::{DecideWriteOffs, ReadCollections, RequestWriteOffs};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_write_offs,
        create_write_off,
        read_write_off,
        approve_write_off,
        reject_write_off,
        withdraw_write_off,
        list_write_off_history,
    );
}

access::list! {
    /// List write-off requests
    ///
    /// Returns your requests and those for your customers. Managers also see those of their teams,
    /// finance sees all.
    list_write_offs: "/write-off-requests", ReadCollections, WriteOffRequest by WriteOffFilter -> WriteOffRequestPage,
    "A page of requests"
}

/// Request a write-off
///
/// The amount cannot exceed the open amount of the invoice. Another user decides on the request.
#[utoipa::path(
    post, path = "/write-off-requests",
    request_body = NewWriteOffRequest,
    responses((status = 201, description = "The new request", body = WriteOffRequest), Problems),
)]
async fn create_write_off(
    caller: Can<RequestWriteOffs>,
    new: Body<NewWriteOffRequest>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| WriteOffRequest::create(tx, &caller, &new).await).await
}

access::read! {
    /// Read a write-off request
    ///
    /// Returns the request, with the decision once there is one.
    read_write_off: "/write-off-requests/{id}", ReadCollections -> WriteOffRequest, "The request"
}

/// Approve a write-off request
///
/// Reduces the invoice from today on. Neither the requester nor the customer's owner can approve
/// (403 `self_approval`). The settings define an approval limit for each role (403
/// `authority_exceeded`); earlier write-offs of the same invoice, and of the same customer within
/// the last 365 days, count towards it.
#[utoipa::path(
    post, path = "/write-off-requests/{id}/approve",
    request_body = WriteOffDecision,
    responses(
        (status = 200, description = "The request", body = WriteOffRequest),
        (status = 409, description = "`above_open_amount`, `wrong_status`"),
        Problems,
    ),
)]
async fn approve_write_off(
    caller: Can<DecideWriteOffs>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<WriteOffDecision>,
    write: Write,
) -> Result<Reply> {
    let decision = (Decision::Approve, why.note.clone());
    let step = async move |tx: &mut _| {
        WriteOffRequest::decide(tx, &caller, *id, based_on, &decision).await
    };
    write.update(step).await
}

/// Reject a write-off request
///
/// Neither the requester nor the customer's owner can reject it (403 `self_approval`).
#[utoipa::path(
    post, path = "/write-off-requests/{id}/reject",
    request_body = WriteOffDecision,
    responses(
        (status = 200, description = "The request", body = WriteOffRequest),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn reject_write_off(
    caller: Can<DecideWriteOffs>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<WriteOffDecision>,
    write: Write,
) -> Result<Reply> {
    let decision = (Decision::Reject, why.note.clone());
    let step = async move |tx: &mut _| {
        WriteOffRequest::decide(tx, &caller, *id, based_on, &decision).await
    };
    write.update(step).await
}

/// Withdraw a write-off request
///
/// Only the requester can withdraw it (403 `not_the_author`).
#[utoipa::path(
    post, path = "/write-off-requests/{id}/withdraw",
    responses(
        (status = 200, description = "The request", body = WriteOffRequest),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn withdraw_write_off(
    caller: Can<RequestWriteOffs>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let decision = (Decision::Withdraw, None);
    let step = async move |tx: &mut _| {
        WriteOffRequest::decide(tx, &caller, *id, based_on, &decision).await
    };
    write.update(step).await
}

access::history! {
    /// List the history of a write-off request
    ///
    /// Returns the changes, the latest first.
    list_write_off_history: "/write-off-requests/{id}/history", ReadCollections, WriteOffRequest
}
