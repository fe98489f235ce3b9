//! The operations on trading terms.

use actix_web::web::Data;
use actix_web::{get, post, web};
use auth::Can;
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

/// Read a customer's terms
///
/// Those that are, were or will be good on a day: the approved request that began last by then.
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

/// List requests for terms
///
/// Of the customers that you see, latest first.
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

/// Ask for trading terms
///
/// It begins as a draft.
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

/// Read a request for terms
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

/// Hand a request for terms in
///
/// From draft to submitted, by whoever made it.
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

/// Approve terms
///
/// They rest on a valid investigation, else 409 `investigation_required`. Each role approves up to
/// a limit of its own (settings `terms_authority_…`, the general manager any), else 403
/// `authority_exceeded`; above 1.2 times the recommended limit only the director, else 403
/// `director_required`. Never by whoever asked for them or owns the customer. From `valid_from` on
/// the limit is the customer's.
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

/// Reject terms
///
/// Never by whoever asked for them or owns the customer.
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

/// Take a request for terms back
///
/// Before it is decided, by whoever made it.
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

/// What happened to a request for terms
///
/// Latest first.
#[utoipa::path(
    tag = "credit",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
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
