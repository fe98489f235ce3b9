//! Operations on follow-ups.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::{Clock, Db, Json, List, PageQuery, Problems, Reason, Result, Routes};

use super::steps::Step;
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

access::create! {
    /// Assign a follow-up
    ///
    /// The back office assigns follow-ups to anyone, managers to themselves and their people,
    /// salespeople to themselves; otherwise 403 `not_your_person`.
    create_follow_up: "/follow-ups", WriteFollowUps, Body<NewFollowUp>
    -> FollowUp, "The new follow-up"
}

access::read! {
    /// Read a follow-up
    read_follow_up: "/follow-ups/{id}", ReadFollowUps -> FollowUp, "The follow-up"
}

access::action! {
    /// Accept a follow-up
    ///
    /// Only the assignee can accept it.
    accept_follow_up: "/follow-ups/{id}/accept", WriteFollowUps -> FollowUp by act(Step::Accept),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Start a follow-up
    ///
    /// Possible for the assignee, after it was accepted or returned.
    start_follow_up: "/follow-ups/{id}/start", WriteFollowUps -> FollowUp by act(Step::Start),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Submit the result of a follow-up
    ///
    /// 汇报: The person who assigned it sees the result in their list and in the change feed.
    submit_follow_up: "/follow-ups/{id}/submit", WriteFollowUps, report: Json<FollowUpReport>
    -> FollowUp by act(Step::Submit(&report)),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`"
}

access::action! {
    /// Extend a follow-up
    ///
    /// Possible once, with a reason; otherwise 409 `already_extended`.
    extend_follow_up: "/follow-ups/{id}/extend", WriteFollowUps, how: Json<FollowUpExtension>
    -> FollowUp by act(Step::Extend(&how)),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`"
}

access::action! {
    /// Return a follow-up
    ///
    /// Sends an insufficient result back to the assignee. Allowed for the person who assigned it and
    /// for those who lead the assignee.
    return_follow_up: "/follow-ups/{id}/return", WriteFollowUps, why: Json<Reason>
    -> FollowUp by act(Step::Return(&why)),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`"
}

access::action! {
    /// Complete a follow-up
    ///
    /// Accepts the result. Allowed for the person who assigned it and for those who lead the assignee.
    complete_follow_up: "/follow-ups/{id}/complete", WriteFollowUps
    -> FollowUp by act(Step::Complete),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Cancel a follow-up
    ///
    /// Allowed for the person who assigned it and for those who lead the assignee.
    cancel_follow_up: "/follow-ups/{id}/cancel", WriteFollowUps, why: Json<Reason>
    -> FollowUp by act(Step::Cancel(&why)),
    "The follow-up",
    403: "`not_your_follow_up`",
    409: "`wrong_status`"
}

access::history! {
    /// List the history of a follow-up
    ///
    /// Latest first.
    list_follow_up_history: "/follow-ups/{id}/history", ReadFollowUps, FollowUp
}
