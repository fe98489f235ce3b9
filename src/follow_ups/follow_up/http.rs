//! Operations on follow-ups.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::{
    Clock, Db, IfSent, Json, List, PageQuery, Path, Problems, Reason, Reply, Result, Routes, Write,
};
use uuid::Uuid;

use super::FollowUpAction::{Accept, Cancel, Complete, Return, Start};
use super::{
    FollowUp, FollowUpExtension, FollowUpFilter, FollowUpPage, FollowUpReport, MineFilter,
    NewFollowUp,
};
use crate::{ReadFollowUps, WriteFollowUps};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_my_follow_ups,
        list_follow_ups,
        create_follow_up,
        read_follow_up,
        accept_follow_up,
        start_follow_up,
        submit_follow_up,
        extend_follow_up,
        return_follow_up,
        complete_follow_up,
        cancel_follow_up,
        list_follow_up_history,
    );
}

/// List your follow-ups
///
/// Returns your open follow-ups by due time. With `assigned=true`, returns those that you assigned
/// to others and whose result you are waiting for, including submitted ones.
#[utoipa::path(
    get, path = "/me/follow-ups",
    params(MineFilter, PageQuery),
    responses((status = 200, description = "A page of follow-ups", body = FollowUpPage), Problems),
)]
async fn list_my_follow_ups(
    caller: Can<ReadFollowUps>,
    list: List<MineFilter>,
    db: Db,
) -> Result<FollowUpPage> {
    FollowUp::list_mine(&mut *db.conn().await?, &caller, &list).await
}

/// List follow-ups
///
/// Returns the follow-ups that you or your people carry out or have assigned.
#[utoipa::path(
    get, path = "/follow-ups",
    params(FollowUpFilter, PageQuery),
    responses((status = 200, description = "A page of follow-ups", body = FollowUpPage), Problems),
)]
async fn list_follow_ups(
    caller: Can<ReadFollowUps>,
    list: List<FollowUpFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<FollowUpPage> {
    FollowUp::list(&mut *db.conn().await?, &caller, &list, clock.now()).await
}

/// Assign a follow-up
///
/// The back office assigns follow-ups to anyone, managers to themselves and their people,
/// salespeople to themselves; otherwise 403 `not_your_person`.
#[utoipa::path(
    post, path = "/follow-ups",
    request_body = NewFollowUp,
    responses((status = 201, description = "The new follow-up", body = FollowUp), Problems),
)]
async fn create_follow_up(
    caller: Can<WriteFollowUps>,
    new: Body<NewFollowUp>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| FollowUp::create(tx, &caller, &new).await).await
}

access::read! {
    /// Read a follow-up
    read_follow_up: "/follow-ups/{id}", ReadFollowUps -> FollowUp, "The follow-up"
}

/// Accept a follow-up
///
/// Only the assignee can accept it.
#[utoipa::path(
    post, path = "/follow-ups/{id}/accept",
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn accept_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| FollowUp::step(tx, &caller, *id, based_on, Accept).await).await
}

/// Start a follow-up
///
/// Possible for the assignee, after it was accepted or returned.
#[utoipa::path(
    post, path = "/follow-ups/{id}/start",
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn start_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| FollowUp::step(tx, &caller, *id, based_on, Start).await).await
}

/// Submit the result of a follow-up
///
/// 汇报: The person who assigned it sees the result in their list and in the change feed.
#[utoipa::path(
    post, path = "/follow-ups/{id}/submit",
    request_body = FollowUpReport,
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn submit_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    report: Json<FollowUpReport>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| FollowUp::submit(tx, &caller, *id, based_on, &report).await).await
}

/// Extend a follow-up
///
/// Possible once, with a reason; otherwise 409 `already_extended`.
#[utoipa::path(
    post, path = "/follow-ups/{id}/extend",
    request_body = FollowUpExtension,
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn extend_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<FollowUpExtension>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| FollowUp::extend(tx, &caller, *id, based_on, &how).await).await
}

/// Return a follow-up
///
/// Sends an insufficient result back to the assignee. Allowed for the person who assigned it and
/// for those who lead the assignee.
#[utoipa::path(
    post, path = "/follow-ups/{id}/return",
    request_body = Reason,
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn return_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        FollowUp::turn_down(tx, &caller, *id, based_on, (Return, &why)).await
    };
    write.update(step).await
}

/// Complete a follow-up
///
/// Accepts the result. Allowed for the person who assigned it and for those who lead the assignee.
#[utoipa::path(
    post, path = "/follow-ups/{id}/complete",
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn complete_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| FollowUp::step(tx, &caller, *id, based_on, Complete).await).await
}

/// Cancel a follow-up
///
/// Allowed for the person who assigned it and for those who lead the assignee.
#[utoipa::path(
    post, path = "/follow-ups/{id}/cancel",
    request_body = Reason,
    responses(
        (status = 200, description = "The follow-up", body = FollowUp),
        (status = 403, description = "`not_your_follow_up`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn cancel_follow_up(
    caller: Can<WriteFollowUps>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        FollowUp::turn_down(tx, &caller, *id, based_on, (Cancel, &why)).await
    };
    write.update(step).await
}

access::history! {
    /// List the history of a follow-up
    ///
    /// Latest first.
    list_follow_up_history: "/follow-ups/{id}/history", ReadFollowUps, FollowUp
}
