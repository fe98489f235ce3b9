//! The operations on growth steps.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use auth::{Body, Can};
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result,
    Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::OpportunityAction::{Drop, Lose, Win};
use super::{
    NewOpportunity, Opportunity, OpportunityChanges, OpportunityFilter, OpportunityPage,
    OpportunityReason,
};
use crate::{ReadOpportunities, WriteOpportunities};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_opportunities)
        .service(create_opportunity)
        .service(read_opportunity)
        .service(update_opportunity)
        .service(win_opportunity)
        .service(lose_opportunity)
        .service(drop_opportunity)
        .service(list_opportunity_history);
}

/// List growth steps
///
/// Those that you or your people take, and those with your customers, the next step first.
#[utoipa::path(
    tag = "growth",
    params(OpportunityFilter, PageQuery),
    responses((status = 200, description = "A page of growth steps", body = OpportunityPage),
        Problems),
)]
#[get("/opportunities")]
async fn list_opportunities(
    caller: Can<ReadOpportunities>,
    list: List<OpportunityFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<OpportunityPage> {
    Opportunity::list(&mut *db.conn().await?, &caller, &list, clock.today()).await
}

/// Plan a growth step
///
/// 增长机会: a line of products or a product that a customer could buy besides, what that could come
/// to in a year, and what is done for it next. For yourself; managers for their people, else 403
/// `not_your_person`.
#[utoipa::path(
    tag = "growth",
    request_body = NewOpportunity,
    responses((status = 201, description = "The new growth step", body = Opportunity), Problems),
)]
#[post("/opportunities")]
async fn create_opportunity(
    caller: Can<WriteOpportunities>,
    new: Body<NewOpportunity>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Opportunity::create(tx, &caller, &new).await).await
}

/// Read a growth step
#[utoipa::path(
    tag = "growth",
    responses((status = 200, description = "The growth step", body = Opportunity), Problems),
)]
#[get("/opportunities/{id}")]
async fn read_opportunity(
    caller: Can<ReadOpportunities>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Opportunity>> {
    Ok(Tagged(Opportunity::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a growth step
///
/// While it is open, else 409 `wrong_status`: after each step the next one, with its day.
#[utoipa::path(
    tag = "growth",
    request_body(content = OpportunityChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The growth step", body = Opportunity), Problems),
)]
#[patch("/opportunities/{id}")]
async fn update_opportunity(
    caller: Can<WriteOpportunities>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<OpportunityChanges>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| Opportunity::update(tx, &caller, *id, based_on, &changes).await)
        .await
}

/// Win a growth step
///
/// From open to won 赢得: the customer buys it.
#[utoipa::path(
    tag = "growth",
    responses((status = 200, description = "The growth step", body = Opportunity), Problems),
)]
#[post("/opportunities/{id}/win")]
async fn win_opportunity(
    caller: Can<WriteOpportunities>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let how = (Win, None);
    write.update(async move |tx| Opportunity::end(tx, &caller, *id, based_on, how).await).await
}

/// Lose a growth step
///
/// From open to lost 失去: the customer buys it elsewhere, or has no need of it.
#[utoipa::path(
    tag = "growth",
    request_body = OpportunityReason,
    responses((status = 200, description = "The growth step", body = Opportunity), Problems),
)]
#[post("/opportunities/{id}/lose")]
async fn lose_opportunity(
    caller: Can<WriteOpportunities>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<OpportunityReason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        Opportunity::end(tx, &caller, *id, based_on, (Lose, Some(&why))).await
    };
    write.update(step).await
}

/// Drop a growth step
///
/// From open to dropped 放弃: it is not worth it, or was a mistake.
#[utoipa::path(
    tag = "growth",
    request_body = OpportunityReason,
    responses((status = 200, description = "The growth step", body = Opportunity), Problems),
)]
#[post("/opportunities/{id}/drop")]
async fn drop_opportunity(
    caller: Can<WriteOpportunities>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<OpportunityReason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        Opportunity::end(tx, &caller, *id, based_on, (Drop, Some(&why))).await
    };
    write.update(step).await
}

/// What happened to a growth step
///
/// Latest first: every step that was planned.
#[utoipa::path(
    tag = "growth",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/opportunities/{id}/history")]
async fn list_opportunity_history(
    caller: Can<ReadOpportunities>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let opportunity = Opportunity::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &opportunity, &list).await
}
