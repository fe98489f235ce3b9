//! The operations on memberships.

use actix_web::{delete, get, post};
use platform::{
    Db, IfMatch, IfSent, Json, List, PageQuery, Path, Problems, Reply, Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{Membership, MembershipEnd, MembershipFilter, MembershipPage, NewMembership};
use crate::{Body, Can, ReadTeams, WriteTeams};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_memberships)
        .service(create_membership)
        .service(read_membership)
        .service(delete_membership)
        .service(end_membership);
}

/// List the memberships of a team
///
/// By the day on which they begin; with `on` only those that are valid on that day. Everybody may
/// know who is in which team.
#[utoipa::path(
    tag = "auth",
    params(MembershipFilter, PageQuery),
    responses((status = 200, description = "A page of memberships", body = MembershipPage), Problems),
)]
#[get("/teams/{id}/memberships")]
async fn list_memberships(
    caller: Can<ReadTeams>,
    id: Path<Uuid>,
    list: List<MembershipFilter>,
    db: Db,
) -> Result<MembershipPage> {
    Membership::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Put somebody into a team
///
/// Nobody is in two teams on the same day (409 `overlapping_membership`): end the other one
/// first, or change the person's `team_id`, which does both. It makes a new version of the person.
#[utoipa::path(
    tag = "auth",
    request_body = NewMembership,
    responses((status = 201, description = "The new membership", body = Membership), Problems),
)]
#[post("/teams/{id}/memberships")]
async fn create_membership(
    caller: Can<WriteTeams>,
    id: Path<Uuid>,
    new: Body<NewMembership>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Membership::create(tx, &caller, *id, &new).await).await
}

/// Read a membership
///
/// Its version is the person's, whose part it is.
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "The membership", body = Membership), Problems),
)]
#[get("/memberships/{id}")]
async fn read_membership(
    _caller: Can<ReadTeams>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Membership>> {
    Ok(Tagged(Membership::find(&mut *db.conn().await?, *id).await?))
}

/// End a membership
///
/// Or move its end. It may not reach into the next membership of the same person.
#[utoipa::path(
    tag = "auth",
    request_body = MembershipEnd,
    responses((status = 200, description = "The membership", body = Membership), Problems),
)]
#[post("/memberships/{id}/end")]
async fn end_membership(
    caller: Can<WriteTeams>,
    id: Path<Uuid>,
    based_on: IfSent,
    end: Json<MembershipEnd>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Membership::end(tx, &caller, *id, based_on, &end).await).await
}

/// Delete a membership
///
/// As if it had never been: for mistakes. `If-Match` is the version of the person.
#[utoipa::path(
    tag = "auth",
    responses((status = 204, description = "It is gone"), Problems),
)]
#[delete("/memberships/{id}")]
async fn delete_membership(
    caller: Can<WriteTeams>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Membership::delete(tx, &caller, *id, based_on).await).await
}
