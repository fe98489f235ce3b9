//! The actions that record the settlement of complaints, and those that raise the alarm.

use platform::{Json, Reason, Routes};

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

access::action! {
    /// Propose how to handle a complaint
    ///
    /// Adds a proposal (处理建议) to a complaint that is not settled. Every user who sees the complaint
    /// can do this. Repeating your own proposal changes nothing.
    propose_for_complaint: "/complaints/{id}/proposals", WriteComplaints, what: Json<NewComplaintProposal>
    -> Complaint by act(Step::Propose(&what)),
    "The complaint",
    409: "`wrong_status`",
    422: "`authority_exceeded`, `no_exchange_rate`"
}

access::action! {
    /// File a complaint
    ///
    /// Files the complaint (备案) under the next number of the year; the numbers have no gaps. A
    /// complaint cannot be filed twice (409 `already_filed`).
    file_complaint: "/complaints/{id}/file", FileComplaints -> Complaint by act(Step::File),
    "The complaint",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Record the customer's confirmation
    ///
    /// Records that the customer confirmed the settlement of a resolved complaint. Only the owner and
    /// the back office can do this; others get 403 `not_the_owner`. A settlement cannot be confirmed
    /// twice (409 `already_confirmed`).
    confirm_complaint: "/complaints/{id}/confirm", WriteComplaints, how: Json<ComplaintConfirmation>
    -> Complaint by act(Step::Confirm(&how)),
    "The complaint",
    403: "`complaint_about_you`",
    409: "`wrong_status`"
}

access::action! {
    /// Record a follow-up call
    ///
    /// Records the call (回访) to the customer of a resolved complaint. Only the owner and the back
    /// office can do this; others get 403 `not_the_owner`. A second call is refused as 409
    /// `already_called`.
    call_about_complaint: "/complaints/{id}/follow-up-call", WriteComplaints, call: Json<ComplaintCall>
    -> Complaint by act(Step::FollowUpCall(&call)),
    "The complaint",
    403: "`complaint_about_you`",
    409: "`wrong_status`"
}

access::action! {
    /// Escalate a complaint
    ///
    /// Raises the complaint by one escalation level, up to the director. Beyond that, the request is
    /// refused as 409 `fully_escalated`. Repeating the current reason changes nothing. Complaints also
    /// escalate automatically at 80, 100 and 150 percent of the most advanced term.
    escalate_complaint: "/complaints/{id}/escalate", JudgeComplaints, why: Json<Reason>
    -> Complaint by act(Step::Escalate(&why)),
    "The complaint",
    409: "`wrong_status`"
}

access::action! {
    /// Dispatch a complaint to the quality department
    ///
    /// From then on, users with role `quality` see the complaint.
    dispatch_complaint: "/complaints/{id}/dispatch", HandleComplaints
    -> Complaint by act(Step::Dispatch),
    "The complaint",
    409: "`wrong_status`",
    422: "`invalid`"
}
