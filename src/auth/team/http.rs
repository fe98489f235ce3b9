//! HTTP operations on teams.

use access::Can;
use intake::{Body, import};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{IfMatch, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::{NewTeam, Team, TeamBatch, TeamChanges, TeamFilter, TeamPage};
use crate::{ImportTeams, ReadTeams, WriteTeams};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_teams,
        create_team,
        import_teams,
        read_team,
        update_team,
        delete_team,
        list_team_history,
    );
}

access::list! {
    /// List teams
    ///
    /// Sorted by name. All users see all teams.
    list_teams: "/teams", ReadTeams, Team by TeamFilter -> TeamPage, "A page of teams"
}

/// Add a team
///
/// For admin, hr and the ERP. The `code` must be unique (409 `duplicate`).
#[utoipa::path(
    post, path = "/teams",
    request_body = NewTeam,
    responses(
        (status = 201, description = "The new team", body = Team),
        (status = 403, description = "`foreign_source_system`"),
        Problems,
    ),
)]
async fn create_team(caller: Can<WriteTeams>, new: Body<NewTeam>, write: Write) -> Result<Reply> {
    write.create(async move |tx| Team::create(tx, &caller, &new).await).await
}

/// Import teams
///
/// Synchronises teams with another system: creates new ones, updates those that differ and leaves
/// the rest unchanged. An invalid item fails alone, unless the batch is atomic.
#[utoipa::path(
    post, path = "/teams/batch",
    params(BatchQuery),
    request_body = TeamBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_teams(
    caller: Can<ImportTeams>,
    batch: Batch<TeamBatch>,
    write: Write,
) -> Result<Reply> {
    write.run(async move |tx| Reply::json(&import::<Team, _>(tx, &caller, &batch).await?)).await
}

access::read! {
    /// Retrieve a team
    read_team: "/teams/{id}", ReadTeams -> Team, "The team"
}

/// Update a team
///
/// For admin, hr and the ERP. A team cannot be placed below itself (409 `team_cycle`). Leaders of
/// the teams above it see the rows of its members from then on.
#[utoipa::path(
    patch, path = "/teams/{id}",
    request_body(content = TeamChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The team", body = Team),
        (status = 403, description = "`own_scope`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn update_team(
    caller: Can<WriteTeams>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<TeamChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Team::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Delete a team
///
/// Only possible for a team that has no members, past ones included, and no teams below it (409
/// `still_referenced`).
#[utoipa::path(
    delete, path = "/teams/{id}",
    responses((status = 204, description = "The team is deleted"), Problems),
)]
async fn delete_team(
    _caller: Can<WriteTeams>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Team::delete(tx, *id, based_on).await).await
}

access::history! {
    /// List a team's changes
    list_team_history: "/teams/{id}/history", ReadTeams, Team
}
