//! Operations on visits.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{IfMatch, IfSent, Json, Path, Problems, Reason, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::batch::VisitBatch;
use super::{
    CheckIn, CheckOut, NewVisit, Reschedule, Visit, VisitAction, VisitChanges, VisitFilter,
    VisitOutcome, VisitPage,
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

/// Plan a visit
///
/// Salespeople plan for themselves, managers also for their people, the back office for anyone;
/// otherwise 403 `not_your_person`. To record an unplanned visit, plan it for today and check in.
#[utoipa::path(
    post, path = "/visits",
    request_body = NewVisit,
    responses(
        (status = 201, description = "The planned visit", body = Visit),
        (status = 403, description = "`foreign_source_system`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn create_visit(
    caller: Can<WriteVisits>,
    new: Body<NewVisit>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Visit::create(tx, &caller, &new).await).await
}

/// Import visits from another system
///
/// Imported visits may be of any age. Default status: `completed`. Evidence is judged like that of
/// a phone. An item that cannot be true fails, such as a completed visit on a future day.
#[utoipa::path(
    post, path = "/visits/batch",
    params(BatchQuery),
    request_body = VisitBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_visits(
    caller: Can<ImportVisits>,
    batch: Batch<VisitBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&intake::import::<Visit, _>(tx, &caller, &batch).await?))
        .await
}

access::read! {
    /// Read a visit
    read_visit: "/visits/{id}", ReadVisits -> Visit, "The visit"
}

/// Change a planned visit
///
/// Changes everything except the day and the customer. Allowed for the owner and the people who
/// lead them.
#[utoipa::path(
    patch, path = "/visits/{id}",
    request_body(content = VisitChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`duplicate`, `wrong_status`"),
        Problems,
    ),
)]
async fn update_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<VisitChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Reschedule a visit
///
/// 改期: `rescheduled_from` keeps the previous day, and the history keeps all of them.
#[utoipa::path(
    post, path = "/visits/{id}/reschedule",
    request_body = Reschedule,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn reschedule_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<Reschedule>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::reschedule(tx, &caller, *id, based_on, &how).await).await
}

/// Cancel a planned visit
#[utoipa::path(
    post, path = "/visits/{id}/cancel",
    request_body = Reason,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn cancel_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let why = (VisitAction::Cancel, why);
    write
        .update(async move |tx| Visit::excuse(tx, &caller, *id, based_on, (why.0, &why.1)).await)
        .await
}

/// Check in
///
/// 签到: The owner's check-in begins the visit; a companion's records only their own arrival. The
/// position is judged and stored, but never a reason for refusal. A person can be at one visit at a
/// time; otherwise 409 `visit_in_progress` with the `visit_id` to check out of. A missed visit
/// accepts only check-ins made on its day, by phones that were offline. The visit counts on the day
/// of its owner's check-in.
#[utoipa::path(
    post, path = "/visits/{id}/check-in",
    request_body = CheckIn,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`already_checked_in`, `not_on_planned_day`, `wrong_status`"),
        Problems,
    ),
)]
async fn check_in(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    sent: Json<CheckIn>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::check_in(tx, &caller, *id, based_on, &sent).await).await
}

/// Check out
///
/// 签退: The owner's check-out ends the visit, for companions as well, and reports the outcome and
/// whether there was a complaint or a suggestion. A complaint recorded on the visit answers that
/// question. `follow_up` turns the next action into a follow-up.
#[utoipa::path(
    post, path = "/visits/{id}/check-out",
    request_body = CheckOut,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`already_checked_out`, `not_checked_in`, `wrong_status`"),
        Problems,
    ),
)]
async fn check_out(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    sent: Json<CheckOut>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::check_out(tx, &caller, *id, based_on, &sent).await).await
}

/// Report the outcome of a visit
///
/// Allowed while the visit is in progress, and after a check-out that reported no outcome. Once a
/// completed visit has an outcome, returns 409 `outcome_given`.
#[utoipa::path(
    post, path = "/visits/{id}/outcome",
    request_body = VisitOutcome,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn report_outcome(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    sent: Json<VisitOutcome>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Visit::report(tx, &caller, *id, based_on, &sent).await).await
}

/// Abandon a visit
///
/// 中止: Ends a visit that is in progress. An abandoned visit does not count.
#[utoipa::path(
    post, path = "/visits/{id}/abandon",
    request_body = Reason,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn abandon_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let why = (VisitAction::Abandon, why);
    write
        .update(async move |tx| Visit::excuse(tx, &caller, *id, based_on, (why.0, &why.1)).await)
        .await
}

/// Explain a missed visit
///
/// Possible once; otherwise 409 `already_explained`.
#[utoipa::path(
    post, path = "/visits/{id}/explain",
    request_body = Reason,
    responses(
        (status = 200, description = "The visit", body = Visit),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn explain_visit(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let why = (VisitAction::Explain, why);
    write
        .update(async move |tx| Visit::excuse(tx, &caller, *id, based_on, (why.0, &why.1)).await)
        .await
}

/// Approve an exception
///
/// Makes a completed visit valid that only lacks evidence of the position, was sent more than a day
/// late, or has no plausible check-out. Owners cannot approve their own visits, not even as admins:
/// 403 `self_approval`.
#[utoipa::path(
    post, path = "/visits/{id}/approve-exception",
    request_body = Reason,
    responses(
        (status = 200, description = "The valid visit", body = Visit),
        (status = 409, description = "`nothing_to_approve`, `wrong_status`"),
        Problems,
    ),
)]
async fn approve_visit(
    caller: Can<ApproveVisits>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| Visit::approve(tx, &caller, *id, based_on, &why.reason).await)
        .await
}

access::history! {
    /// List the history of a visit
    ///
    /// Latest first. Contains every planned day, every check and every judgement.
    list_visit_history: "/visits/{id}/history", ReadVisits, Visit
}
