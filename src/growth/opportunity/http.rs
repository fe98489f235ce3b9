//! Operations on growth opportunities.

use access::Can;
use actix_web::web::Data;
use actix_web::{get, patch, post};
use intake::Body;
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

/// List growth opportunities
///
/// Returns the opportunities that you or your people own, and those of your customers. Earliest
/// next step first by default.
#[utoipa::path(
    tag = "growth",
    params(OpportunityFilter, PageQuery),
    responses((status = 200, description = "A page of opportunities", body = OpportunityPage),
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

/// Create a growth opportunity
///
/// 增长机会: A product category or a product that a customer could also buy, its potential sales in a
/// year, and the next step. Salespeople create opportunities for themselves, managers also for
/// their people; otherwise 403 `not_your_person`.
#[utoipa::path(
    tag = "growth",
    request_body = NewOpportunity,
    responses((status = 201, description = "The new opportunity", body = Opportunity), Problems),
)]
#[post("/opportunities")]
async fn create_opportunity(
    caller: Can<WriteOpportunities>,
    new: Body<NewOpportunity>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Opportunity::create(tx, &caller, &new).await).await
}

/// Read a growth opportunity
#[utoipa::path(
    tag = "growth",
    responses((status = 200, description = "The opportunity", body = Opportunity), Problems),
)]
#[get("/opportunities/{id}")]
async fn read_opportunity(
    caller: Can<ReadOpportunities>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Opportunity>> {
    Ok(Tagged(Opportunity::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a growth opportunity
///
/// Possible while it is open, otherwise 409 `wrong_status`. After each step, plan the next one and
/// its day.
#[utoipa::path(
    tag = "growth",
    request_body(content = OpportunityChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The opportunity", body = Opportunity), Problems),
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

/// Win a growth opportunity
///
/// 赢得: Ends an open opportunity because the customer buys.
#[utoipa::path(
    tag = "growth",
    responses((status = 200, description = "The opportunity", body = Opportunity), Problems),
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

/// Lose a growth opportunity
///
/// 失去: Ends an open opportunity because the customer buys elsewhere or has no need.
#[utoipa::path(
    tag = "growth",
    request_body = OpportunityReason,
    responses((status = 200, description = "The opportunity", body = Opportunity), Problems),
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

/// Drop a growth opportunity
///
/// 放弃: Ends an open opportunity that is not worth pursuing or was a mistake.
#[utoipa::path(
    tag = "growth",
    request_body = OpportunityReason,
    responses((status = 200, description = "The opportunity", body = Opportunity), Problems),
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

/// List the history of a growth opportunity
///
/// Latest first. Contains every step that was planned.
#[utoipa::path(
    tag = "growth",
    params(PageQuery),
    responses((status = 200, description = "A page of the history", body = HistoryPage), Problems),
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
