//! HTTP operations on memberships.

use access::Can;
use intake::Body;
use platform::{Db, Json, List, PageQuery, Path, Problems, Reply, Result, Routes, Tagged, Write};
use uuid::Uuid;

use super::{Membership, MembershipEnd, MembershipFilter, MembershipPage, NewMembership};
use crate::{ReadTeams, WriteTeams};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_memberships,
        create_membership,
        read_membership,
        delete_membership,
        end_membership,
    );
}

/// List the memberships of a team
///
/// Sorted by `valid_from`. All users see all memberships.
#[utoipa::path(
    get, path = "/teams/{id}/memberships",
    params(MembershipFilter, PageQuery),
    responses((status = 200, description = "A page of memberships", body = MembershipPage), Problems),
)]
async fn list_memberships(
    caller: Can<ReadTeams>,
    id: Path<Uuid>,
    list: List<MembershipFilter>,
    db: Db,
) -> Result<MembershipPage> {
    Membership::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Add a member to a team
///
/// A user cannot be in two teams on the same day (409 `overlapping_membership`). End the other
/// membership first, or change the user's `team_id`, which does both. The new membership makes a
/// new version of the user.
#[utoipa::path(
    post, path = "/teams/{id}/memberships",
    request_body = NewMembership,
    responses(
        (status = 201, description = "The new membership", body = Membership),
        (status = 403, description = "`own_scope`, `roles_exceed_yours`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
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
/// The version of a membership is that of its user.
#[utoipa::path(
    get, path = "/memberships/{id}",
    responses((status = 200, description = "The membership", body = Membership), Problems),
)]
async fn read_membership(
    _caller: Can<ReadTeams>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Membership>> {
    Ok(Tagged(Membership::find(&mut *db.conn().await?, *id).await?))
}

access::action! {
    /// End a membership
    ///
    /// Sets or moves the end. It must not be after the start of the user's next membership (409
    /// `overlapping_membership`).
    end_membership: "/memberships/{id}/end", WriteTeams, end: Json<MembershipEnd>
    -> Membership by end(&end),
    "The membership",
    403: "`own_scope`, `roles_exceed_yours`"
}

access::delete! {
    /// Delete a membership
    ///
    /// Removes the membership as if it had never existed, to correct a mistake. `If-Match` is the
    /// version of the user.
    delete_membership: "/memberships/{id}", WriteTeams, Membership, "The membership is deleted",
    403: "`own_scope`, `roles_exceed_yours`"
}
