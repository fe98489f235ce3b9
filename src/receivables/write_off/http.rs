//! The operations on write-off requests.

use intake::Body;
use platform::{Json, Routes};

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
    list_write_offs: "/write-off-requests", ReadCollections, WriteOffRequest by WriteOffFilter
    -> WriteOffRequestPage,
    "A page of requests"
}

access::create! {
    /// Request a write-off
    ///
    /// The amount cannot exceed the open amount of the invoice. Another user decides on the request.
    create_write_off: "/write-off-requests", RequestWriteOffs, Body<NewWriteOffRequest>
    -> WriteOffRequest, "The new request"
}

access::read! {
    /// Read a write-off request
    ///
    /// Returns the request, with the decision once there is one.
    read_write_off: "/write-off-requests/{id}", ReadCollections -> WriteOffRequest, "The request"
}

access::action! {
    /// Approve a write-off request
    ///
    /// Reduces the invoice from today on. Neither the requester nor the customer's owner can approve
    /// (403 `self_approval`). The settings define an approval limit for each role (403
    /// `authority_exceeded`); earlier write-offs of the same invoice, and of the same customer within
    /// the last 365 days, count towards it.
    approve_write_off: "/write-off-requests/{id}/approve", DecideWriteOffs, why: Json<WriteOffDecision>
    -> WriteOffRequest by act(Decision::Approve, why.note.as_deref()),
    "The request",
    409: "`above_open_amount`, `wrong_status`"
}

access::action! {
    /// Reject a write-off request
    ///
    /// Neither the requester nor the customer's owner can reject it (403 `self_approval`).
    reject_write_off: "/write-off-requests/{id}/reject", DecideWriteOffs, why: Json<WriteOffDecision>
    -> WriteOffRequest by act(Decision::Reject, why.note.as_deref()),
    "The request",
    409: "`wrong_status`"
}

access::action! {
    /// Withdraw a write-off request
    ///
    /// Only the requester can withdraw it (403 `not_the_author`).
    withdraw_write_off: "/write-off-requests/{id}/withdraw", RequestWriteOffs
    -> WriteOffRequest by act(Decision::Withdraw, None),
    "The request",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::history! {
    /// List the history of a write-off request
    ///
    /// Returns the changes, the latest first.
    list_write_off_history: "/write-off-requests/{id}/history", ReadCollections, WriteOffRequest
}
