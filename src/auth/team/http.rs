//! HTTP operations on teams.

use access::Can;
use intake::Body;
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

access::create! {
    /// Add a team
    ///
    /// For admin, hr and the ERP. The `code` must be unique (409 `duplicate`).
    create_team: "/teams", WriteTeams, Body<NewTeam> -> Team, "The new team",
    403: "`foreign_source_system`"
}

intake::import! {
    /// Import teams
    ///
    /// Synchronises teams with another system: creates new ones, updates those that differ and leaves
    /// the rest unchanged. An invalid item fails alone, unless the batch is atomic.
    import_teams: "/teams/batch", ImportTeams, Team from TeamBatch
}

access::read! {
    /// Read a team
    read_team: "/teams/{id}", ReadTeams -> Team, "The team"
}

access::update! {
    /// Update a team
    ///
    /// For admin, hr and the ERP. A team cannot be placed below itself (409 `team_cycle`). Leaders of
    /// the teams above it see the rows of its members from then on.
    update_team: "/teams/{id}", WriteTeams, Body<TeamChanges> -> Team, "The team",
    403: "`own_scope`",
    409: "`duplicate`"
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
    /// List the history of a team
    list_team_history: "/teams/{id}/history", ReadTeams, Team
}
