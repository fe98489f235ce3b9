//! Operations on visits.

use intake::Body;
use platform::{Json, Reason, Routes};

use super::batch::VisitBatch;
use super::steps::Step;
use super::{
    CheckIn, CheckOut, NewVisit, Reschedule, Visit, VisitChanges, VisitFilter, VisitOutcome,
    VisitPage,
};
use crate::{ApproveVisits, ImportVisits, ReadVisits, WriteVisits};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_visits,
        create_visit,
        import_visits,
        read_visit,
        update_visit,
        reschedule_visit,
        cancel_visit,
        check_in,
        check_out,
        report_outcome,
        abandon_visit,
        explain_visit,
        approve_visit,
        list_visit_history,
    );
}

access::list! {
    /// List visits
    ///
    /// Returns your own visits and those that you come along to; managers also see those of their
    /// people. Latest planned day first by default.
    list_visits: "/visits", ReadVisits, Visit by VisitFilter -> VisitPage, "A page of visits"
}

access::create! {
    /// Plan a visit
    ///
    /// Salespeople plan for themselves, managers also for their people, the back office for anyone;
    /// otherwise 403 `not_your_person`. To record an unplanned visit, plan it for today and check in.
    create_visit: "/visits", WriteVisits, Body<NewVisit> -> Visit, "The planned visit",
    403: "`foreign_source_system`",
    409: "`duplicate`"
}

intake::import! {
    /// Import visits from another system
    ///
    /// Imported visits may be of any age. Default status: `completed`. Evidence is judged like that of
    /// a phone. An item that cannot be true fails, such as a completed visit on a future day.
    import_visits: "/visits/batch", ImportVisits, Visit from VisitBatch
}

access::read! {
    /// Read a visit
    read_visit: "/visits/{id}", ReadVisits -> Visit, "The visit"
}

access::update! {
    /// Update a planned visit
    ///
    /// Changes everything except the day and the customer. Allowed for the owner and the people who
    /// lead them.
    update_visit: "/visits/{id}", WriteVisits, Body<VisitChanges> -> Visit, "The visit",
    403: "`not_your_visit`",
    409: "`duplicate`, `wrong_status`"
}

access::action! {
    /// Reschedule a visit
    ///
    /// 改期: `rescheduled_from` keeps the previous day, and the history keeps all of them.
    reschedule_visit: "/visits/{id}/reschedule", WriteVisits, how: Json<Reschedule>
    -> Visit by act(Step::Reschedule(&how)),
    "The visit",
    403: "`not_your_visit`",
    409: "`wrong_status`"
}

access::action! {
    /// Cancel a planned visit
    cancel_visit: "/visits/{id}/cancel", WriteVisits, why: Json<Reason>
    -> Visit by act(Step::Cancel(&why)),
    "The visit",
    403: "`not_your_visit`",
    409: "`wrong_status`"
}

access::action! {
    /// Check in
    ///
    /// 签到: The owner's check-in begins the visit; a companion's records only their own arrival. The
    /// position is judged and stored, but never a reason for refusal. A person can be at one visit at a
    /// time; otherwise 409 `visit_in_progress` with the `visit_id` to check out of. A missed visit
    /// accepts only check-ins made on its day, by phones that were offline. The visit counts on the day
    /// of its owner's check-in.
    check_in: "/visits/{id}/check-in", WriteVisits, sent: Json<CheckIn>
    -> Visit by act(Step::CheckIn(&sent)),
    "The visit",
    403: "`not_your_visit`",
    409: "`already_checked_in`, `not_on_planned_day`, `wrong_status`"
}

access::action! {
    /// Check out
    ///
    /// 签退: The owner's check-out ends the visit, for companions as well, and reports the outcome and
    /// whether there was a complaint or a suggestion. A complaint recorded on the visit answers that
    /// question. `follow_up` turns the next action into a follow-up.
    check_out: "/visits/{id}/check-out", WriteVisits, sent: Json<CheckOut>
    -> Visit by act(Step::CheckOut(&sent)),
    "The visit",
    403: "`not_your_visit`",
    409: "`already_checked_out`, `not_checked_in`, `wrong_status`"
}

access::action! {
    /// Report the outcome of a visit
    ///
    /// Allowed while the visit is in progress, and after a check-out that reported no outcome. Once a
    /// completed visit has an outcome, returns 409 `outcome_given`.
    report_outcome: "/visits/{id}/outcome", WriteVisits, sent: Json<VisitOutcome>
    -> Visit by act(Step::Report(&sent)),
    "The visit",
    403: "`not_your_visit`",
    409: "`wrong_status`"
}

access::action! {
    /// Abandon a visit
    ///
    /// 中止: Ends a visit that is in progress. An abandoned visit does not count.
    abandon_visit: "/visits/{id}/abandon", WriteVisits, why: Json<Reason>
    -> Visit by act(Step::Abandon(&why)),
    "The visit",
    403: "`not_your_visit`",
    409: "`wrong_status`"
}

access::action! {
    /// Explain a missed visit
    ///
    /// Possible once; otherwise 409 `already_explained`.
    explain_visit: "/visits/{id}/explain", WriteVisits, why: Json<Reason>
    -> Visit by act(Step::Explain(&why)),
    "The visit",
    403: "`not_your_visit`",
    409: "`wrong_status`"
}

access::action! {
    /// Approve an exception
    ///
    /// Makes a completed visit valid that only lacks evidence of the position, was sent more than a day
    /// late, or has no plausible check-out. Owners cannot approve their own visits, not even as admins:
    /// 403 `self_approval`.
    approve_visit: "/visits/{id}/approve-exception", ApproveVisits, why: Json<Reason>
    -> Visit by act(Step::Approve(&why)),
    "The valid visit",
    409: "`nothing_to_approve`, `wrong_status`"
}

access::history! {
    /// List the history of a visit
    ///
    /// Latest first. Contains every planned day, every check and every judgement.
    list_visit_history: "/visits/{id}/history", ReadVisits, Visit
}
