//! The operations on trading terms.

use access::Can;
use actix_web::web::Data;
use actix_web::{get, post, web};
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Query, Reply, Result,
    Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::TermsAction::{Submit, Withdraw};
use super::{
    CustomerTerms, NewTermsRequest, TermsDay, TermsDecision, TermsRequest, TermsRequestFilter,
    TermsRequestPage,
};
use crate::{ApproveTerms, ReadCredit, RequestCredit};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_customer_terms)
        .service(list_terms_requests)
        .service(create_terms_request)
        .service(read_terms_request)
        .service(submit_terms_request)
        .service(approve_terms_request)
        .service(reject_terms_request)
        .service(withdraw_terms_request)
        .service(list_terms_request_history);
}

/// Read a customer's trading terms
///
/// Returns the terms in force on `as_of`: the approved request with the latest `valid_from` by that
/// day.
#[utoipa::path(
    tag = "credit",
    params(TermsDay),
    responses((status = 200, description = "The terms", body = CustomerTerms), Problems),
)]
#[get("/customers/{id}/terms")]
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

/// List terms requests
///
/// Returns the requests for the customers that you can see, the latest first.
#[utoipa::path(
    tag = "credit",
    params(TermsRequestFilter, PageQuery),
    responses((status = 200, description = "A page of requests", body = TermsRequestPage),
        Problems),
)]
#[get("/terms-requests")]
async fn list_terms_requests(
    caller: Can<ReadCredit>,
    list: List<TermsRequestFilter>,
    db: Db,
) -> Result<TermsRequestPage> {
    TermsRequest::list(&mut *db.conn().await?, &caller, &list).await
}

/// Create a terms request
///
/// Creates a draft, which is decided on after it is submitted.
#[utoipa::path(
    tag = "credit",
    request_body = NewTermsRequest,
    responses((status = 201, description = "The new request", body = TermsRequest), Problems),
)]
#[post("/customers/{id}/terms-requests")]
async fn create_terms_request(
    caller: Can<RequestCredit>,
    id: Path<Uuid>,
    new: Json<NewTermsRequest>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| TermsRequest::create(tx, &caller, *id, &new).await).await
}

/// Read a terms request
#[utoipa::path(
    tag = "credit",
    responses((status = 200, description = "The request", body = TermsRequest), Problems),
)]
#[get("/terms-requests/{id}")]
async fn read_terms_request(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<TermsRequest>> {
    Ok(Tagged(TermsRequest::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Submit a terms request
///
/// Changes a draft to `submitted`. Only the requester or an admin can submit it (403
/// `not_the_author`).
#[utoipa::path(
    tag = "credit",
    responses((status = 200, description = "The request", body = TermsRequest), Problems),
)]
#[post("/terms-requests/{id}/submit")]
async fn submit_terms_request(
    caller: Can<RequestCredit>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| TermsRequest::step(tx, &caller, *id, based_on, Submit).await).await
}

/// Approve a terms request
///
/// Requires a valid credit investigation, otherwise 409 `investigation_required`. Each role has an
/// approval limit in the settings `terms_authority_…`, otherwise 403 `authority_exceeded`; general
/// managers and admins have none. Only these and sales directors can approve a limit above 1.2
/// times the recommended one, otherwise 403 `director_required`. Neither the requester nor the
/// customer's owner can approve (403 `self_approval`). The credit limit takes effect on
/// `valid_from`.
#[utoipa::path(
    tag = "credit",
    request_body = TermsDecision,
    responses((status = 200, description = "The request", body = TermsRequest), Problems),
)]
#[post("/terms-requests/{id}/approve")]
async fn approve_terms_request(
    caller: Can<ApproveTerms>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<TermsDecision>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| TermsRequest::approve(tx, &caller, *id, based_on, &why).await)
        .await
}

/// Reject a terms request
///
/// Neither the requester nor the customer's owner can reject it (403 `self_approval`).
#[utoipa::path(
    tag = "credit",
    request_body = TermsDecision,
    responses((status = 200, description = "The request", body = TermsRequest), Problems),
)]
#[post("/terms-requests/{id}/reject")]
async fn reject_terms_request(
    caller: Can<ApproveTerms>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<TermsDecision>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| TermsRequest::reject(tx, &caller, *id, based_on, &why).await).await
}

/// Withdraw a terms request
///
/// Only before the decision. Only the requester or an admin can withdraw it (403 `not_the_author`).
#[utoipa::path(
    tag = "credit",
    responses((status = 200, description = "The request", body = TermsRequest), Problems),
)]
#[post("/terms-requests/{id}/withdraw")]
async fn withdraw_terms_request(
    caller: Can<RequestCredit>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let withdraw =
        async move |tx: &mut _| TermsRequest::step(tx, &caller, *id, based_on, Withdraw).await;
    write.update(withdraw).await
}

/// List the history of a terms request
///
/// Returns the changes, the latest first.
#[utoipa::path(
    tag = "credit",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
#[get("/terms-requests/{id}/history")]
async fn list_terms_request_history(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let request = TermsRequest::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &request, &list).await
}
