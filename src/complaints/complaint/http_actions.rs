//! The actions that move complaints on, up to their end: one operation per action.

use intake::Body;
use platform::{Json, Reason, Routes};

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

access::action! {
    /// Accept a complaint
    ///
    /// Moves the complaint from `registered` to `accepted` (受理) and sets its owner. Accepting counts
    /// as the first response. The person complained about cannot be the owner (422 `owner_is_subject`),
    /// nor decide on the complaint in any other way (403 `complaint_about_you`).
    accept_complaint: "/complaints/{id}/accept", HandleComplaints, whom: Body<ComplaintAssignment>
    -> Complaint by hand(&whom, Step::Accept),
    "The complaint",
    409: "`wrong_status`"
}

access::action! {
    /// Assign a complaint to another owner
    ///
    /// The complaint must be accepted, in progress or waiting for the customer.
    assign_complaint: "/complaints/{id}/assign", HandleComplaints, whom: Body<ComplaintAssignment>
    -> Complaint by hand(&whom, Step::Assign),
    "The complaint",
    403: "`complaint_about_you`",
    409: "`wrong_status`",
    422: "`owner_is_subject`"
}

access::action! {
    /// Reject a complaint
    ///
    /// Moves the complaint from `registered` to `rejected` (不成立), with a reason. The customer must
    /// have been informed.
    reject_complaint: "/complaints/{id}/reject", JudgeComplaints, why: Json<ComplaintRejection>
    -> Complaint by act(Step::Reject(&why)),
    "The complaint",
    403: "`complaint_about_you`",
    409: "`wrong_status`"
}

access::action! {
    /// Start work on a complaint
    ///
    /// Moves the complaint from `accepted` to `in_progress`. Only its owner can do this; others get 403
    /// `not_the_owner`.
    start_complaint: "/complaints/{id}/start", WriteComplaints -> Complaint by act(Step::Start),
    "The complaint",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Wait for the customer
    ///
    /// Moves the complaint from `in_progress` to `pending_customer`. Only its owner can do this. The
    /// wait extends the term of the resolution: by the working time in it if the term is in working
    /// days, by every minute if it is in hours.
    wait_for_customer: "/complaints/{id}/wait", WriteComplaints, why: Json<Reason>
    -> Complaint by act(Step::Wait(&why)),
    "The complaint",
    403: "`not_the_owner`",
    409: "`wrong_status`"
}

access::action! {
    /// Resume a complaint
    ///
    /// Moves the complaint from `pending_customer` to `in_progress`. Every user who sees the complaint
    /// can do this.
    resume_complaint: "/complaints/{id}/resume", WriteComplaints -> Complaint by act(Step::Resume),
    "The complaint",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Resolve a complaint
    ///
    /// Moves the complaint from `in_progress` to `resolved`, with its root cause. Only its owner can do
    /// this. A compensation above the authority of the role is refused as 422 `authority_exceeded`.
    resolve_complaint: "/complaints/{id}/resolve", WriteComplaints, how: Json<ComplaintResolution>
    -> Complaint by act(Step::Resolve(&how)),
    "The complaint",
    403: "`not_the_owner`",
    409: "`wrong_status`",
    422: "`no_exchange_rate`"
}

access::action! {
    /// Close a complaint
    ///
    /// Moves the complaint from `resolved` to `closed`. It must be filed, otherwise the request is
    /// refused as 409 `not_filed`. The customer must have confirmed the settlement or been called,
    /// otherwise it is refused as 409 `not_confirmed`.
    close_complaint: "/complaints/{id}/close", FileComplaints -> Complaint by act(Step::Close),
    "The complaint",
    403: "`complaint_about_you`",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Reopen a complaint
    ///
    /// Moves the complaint from `resolved` or `closed` to `in_progress`, within
    /// `complaint_reopen_days`; later, the request is refused as 409 `too_late_to_reopen`. Every user
    /// who sees the complaint can do this. The complaint becomes one step more severe and counts as a
    /// repeat. The terms for interim feedback and resolution restart. Its filing number stays.
    reopen_complaint: "/complaints/{id}/reopen", WriteComplaints, why: Json<Reason>
    -> Complaint by act(Step::Reopen(&why)),
    "The complaint",
    409: "`wrong_status`"
}

access::action! {
    /// Withdraw a complaint
    ///
    /// Moves the complaint from `registered`, `accepted` or `in_progress` to `withdrawn` (撤诉), with
    /// the customer's statement. Only the user who registered it can do this; others get 403
    /// `not_the_reporter`.
    withdraw_complaint: "/complaints/{id}/withdraw", WriteComplaints, why: Json<ComplaintWithdrawal>
    -> Complaint by act(Step::Withdraw(&why)),
    "The complaint",
    403: "`complaint_about_you`",
    409: "`wrong_status`"
}
