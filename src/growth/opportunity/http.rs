//! Operations on growth opportunities.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::{
    Clock, Db, IfMatch, IfSent, Json, List, PageQuery, Path, Problems, Reason, Reply, Result,
    Routes, Write,
};
use uuid::Uuid;

use super::OpportunityAction::{Drop, Lose, Win};
use super::{NewOpportunity, Opportunity, OpportunityChanges, OpportunityFilter, OpportunityPage};
use crate::{ReadOpportunities, WriteOpportunities};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_opportunities,
        create_opportunity,
        read_opportunity,
        update_opportunity,
        win_opportunity,
        lose_opportunity,
        drop_opportunity,
        list_opportunity_history,
    );
}

/// List growth opportunities
///
/// Returns the opportunities that you or your people own, and those of your customers. Earliest
/// next step first by default.
#[utoipa::path(
    get, path = "/opportunities",
    params(OpportunityFilter, PageQuery),
    responses((status = 200, description = "A page of opportunities", body = OpportunityPage),
        Problems),
)]
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
    post, path = "/opportunities",
    request_body = NewOpportunity,
    responses(
        (status = 201, description = "The new opportunity", body = Opportunity),
        (status = 409, description = "`customer_merged`, `duplicate`"),
        Problems,
    ),
)]
async fn create_opportunity(
    caller: Can<WriteOpportunities>,
    new: Body<NewOpportunity>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Opportunity::create(tx, &caller, &new).await).await
}

access::read! {
    /// Read a growth opportunity
    read_opportunity: "/opportunities/{id}", ReadOpportunities -> Opportunity, "The opportunity"
}

/// Change a growth opportunity
///
/// Possible while it is open, otherwise 409 `wrong_status`. After each step, plan the next one and
/// its day.
#[utoipa::path(
    patch, path = "/opportunities/{id}",
    request_body(content = OpportunityChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The opportunity", body = Opportunity),
        (status = 403, description = "`not_your_person`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
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
    post, path = "/opportunities/{id}/win",
    responses(
        (status = 200, description = "The opportunity", body = Opportunity),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
    post, path = "/opportunities/{id}/lose",
    request_body = Reason,
    responses(
        (status = 200, description = "The opportunity", body = Opportunity),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn lose_opportunity(
    caller: Can<WriteOpportunities>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
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
    post, path = "/opportunities/{id}/drop",
    request_body = Reason,
    responses(
        (status = 200, description = "The opportunity", body = Opportunity),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn drop_opportunity(
    caller: Can<WriteOpportunities>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        Opportunity::end(tx, &caller, *id, based_on, (Drop, Some(&why))).await
    };
    write.update(step).await
}

access::history! {
    /// List the history of a growth opportunity
    ///
    /// Latest first. Contains every step that was planned.
    list_opportunity_history: "/opportunities/{id}/history", ReadOpportunities, Opportunity
}
