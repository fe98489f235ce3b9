//! Operations on growth opportunities.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::{Clock, Db, Json, List, PageQuery, Problems, Reason, Result, Routes};

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

access::create! {
    /// Create a growth opportunity
    ///
    /// 增长机会: A product category or a product that a customer could also buy, its potential sales in a
    /// year, and the next step. Salespeople create opportunities for themselves, managers also for
    /// their people; otherwise 403 `not_your_person`.
    create_opportunity: "/opportunities", WriteOpportunities, Body<NewOpportunity>
    -> Opportunity, "The new opportunity",
    409: "`customer_merged`, `duplicate`"
}

access::read! {
    /// Read a growth opportunity
    read_opportunity: "/opportunities/{id}", ReadOpportunities -> Opportunity, "The opportunity"
}

access::update! {
    /// Update a growth opportunity
    ///
    /// Possible while it is open, otherwise 409 `wrong_status`. After each step, plan the next one and
    /// its day.
    update_opportunity: "/opportunities/{id}", WriteOpportunities, Body<OpportunityChanges>
    -> Opportunity, "The opportunity",
    403: "`not_your_person`",
    409: "`duplicate`"
}

access::action! {
    /// Win a growth opportunity
    ///
    /// 赢得: Ends an open opportunity because the customer buys.
    win_opportunity: "/opportunities/{id}/win", WriteOpportunities
    -> Opportunity by act(Win, None),
    "The opportunity",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Lose a growth opportunity
    ///
    /// 失去: Ends an open opportunity because the customer buys elsewhere or has no need.
    lose_opportunity: "/opportunities/{id}/lose", WriteOpportunities, why: Json<Reason>
    -> Opportunity by act(Lose, Some(&why)),
    "The opportunity",
    409: "`wrong_status`"
}

access::action! {
    /// Drop a growth opportunity
    ///
    /// 放弃: Ends an open opportunity that is not worth pursuing or was a mistake.
    drop_opportunity: "/opportunities/{id}/drop", WriteOpportunities, why: Json<Reason>
    -> Opportunity by act(Drop, Some(&why)),
    "The opportunity",
    409: "`wrong_status`"
}

access::history! {
    /// List the history of a growth opportunity
    ///
    /// Latest first. Contains every step that was planned.
    list_opportunity_history: "/opportunities/{id}/history", ReadOpportunities, Opportunity
}
