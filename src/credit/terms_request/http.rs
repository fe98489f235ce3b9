//! The operations on trading terms.

use access::Can;
use actix_web::web;
use actix_web::web::Data;
use platform::{Clock, Db, Json, Path, Problems, Query, Reason, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::steps::Step;
use super::{
    CustomerTerms, NewTermsRequest, TermsDay, TermsRequest, TermsRequestFilter, TermsRequestPage,
};
use crate::{ApproveTerms, ReadCredit, RequestCredit};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        read_customer_terms,
        list_terms_requests,
        create_terms_request,
        read_terms_request,
        submit_terms_request,
        approve_terms_request,
        reject_terms_request,
        withdraw_terms_request,
        list_terms_request_history,
    );
}

/// Read a customer's trading terms
///
/// Returns the terms in force on `as_of`: the approved request with the latest `valid_from` by that
/// day.
#[utoipa::path(
    get, path = "/customers/{id}/terms",
    params(TermsDay),
    responses((status = 200, description = "The terms", body = CustomerTerms), Problems),
)]
async fn read_customer_terms(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    day: Query<TermsDay>,
    clock: Data<Clock>,
    db: Db,
) -> Result<web::Json<CustomerTerms>> {
    let as_of = day.as_of.unwrap_or_else(|| clock.today());
    Ok(web::Json(CustomerTerms::find(&mut *db.conn().await?, &caller, *id, as_of).await?))
}

access::list! {
    /// List terms requests
    ///
    /// Returns the requests for the customers that you can see, the latest first.
    list_terms_requests: "/terms-requests", ReadCredit, TermsRequest by TermsRequestFilter
    -> TermsRequestPage,
    "A page of requests"
}

/// Create a terms request
///
/// Creates a draft, which is decided on after it is submitted.
#[utoipa::path(
    post, path = "/customers/{id}/terms-requests",
    request_body = NewTermsRequest,
    responses(
        (status = 201, description = "The new request", body = TermsRequest),
        (status = 409, description = "`customer_merged`"),
        Problems,
    ),
)]
async fn create_terms_request(
    caller: Can<RequestCredit>,
    id: Path<Uuid>,
    new: Json<NewTermsRequest>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| TermsRequest::create(tx, &caller, *id, &new).await).await
}

access::read! {
    /// Read a terms request
    read_terms_request: "/terms-requests/{id}", ReadCredit -> TermsRequest, "The request"
}

access::action! {
    /// Submit a terms request
    ///
    /// Changes a draft to `submitted`. Only the requester or an admin can submit it (403
    /// `not_the_author`).
    submit_terms_request: "/terms-requests/{id}/submit", RequestCredit
    -> TermsRequest by act(Step::Submit),
    "The request",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Approve a terms request
    ///
    /// Requires a valid credit investigation, otherwise 409 `investigation_required`. Each role has an
    /// approval limit in the settings `terms_authority_…`, otherwise 403 `authority_exceeded`; general
    /// managers and admins have none. Only these and sales directors can approve a limit above 1.2
    /// times the recommended one, otherwise 403 `director_required`. Neither the requester nor the
    /// customer's owner can approve (403 `self_approval`). The credit limit takes effect on
    /// `valid_from`.
    approve_terms_request: "/terms-requests/{id}/approve", ApproveTerms, why: Json<Reason>
    -> TermsRequest by act(Step::Approve(&why)),
    "The request",
    409: "`wrong_status`"
}

access::action! {
    /// Reject a terms request
    ///
    /// Neither the requester nor the customer's owner can reject it (403 `self_approval`).
    reject_terms_request: "/terms-requests/{id}/reject", ApproveTerms, why: Json<Reason>
    -> TermsRequest by act(Step::Reject(&why)),
    "The request",
    409: "`wrong_status`"
}

access::action! {
    /// Withdraw a terms request
    ///
    /// Only before the decision. Only the requester or an admin can withdraw it (403 `not_the_author`).
    withdraw_terms_request: "/terms-requests/{id}/withdraw", RequestCredit
    -> TermsRequest by act(Step::Withdraw),
    "The request",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::history! {
    /// List the history of a terms request
    ///
    /// Returns the changes, the latest first.
    list_terms_request_history: "/terms-requests/{id}/history", ReadCredit, TermsRequest
}
