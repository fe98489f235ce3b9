//! Teams, 团队: the units of the organisation. Their tree determines who leads whom.

mod db;
pub mod http;

use diesel::prelude::*;
use intake::Reference;
use platform::{Timestamp, batch, batch::ItemKey, page, resource, sent};
use schema::teams;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::write_search_texts;

intake::names! {
    /// Returns the names of teams. All teams are visible to every caller.
    name_teams in teams, |_| teams::table.filter(teams::id.is_not_null()), code, name
}

intake::find! {
    /// Resolves references to teams. All teams are visible to every caller.
    find_teams in teams, |_| teams::id.is_not_null()
}

/// A team, 团队
#[derive(Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable)]
#[diesel(treat_none_as_default_value = false)]
pub struct Team {
    pub id: Uuid,
    pub version: i64,
    pub code: Option<String>,
    pub name: String,
    /// The current team above. Past ones are not stored
    pub parent_id: Option<Uuid>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { Team: "team" at "/api/v1/teams", seen by everybody }

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "code": "EAST", "name": "华东大区" }))]
pub struct NewTeam {
    #[schema(min_length = 1, max_length = 40)]
    code: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    parent_id: Option<Uuid>,
    /// The source system of `external_id`. Default: your own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
}

/// A merge patch: absent fields stay unchanged, null clears.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({ "name": "华东大区" }))]
pub struct TeamChanges {
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 40)]
    code: Option<Option<String>>,
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    /// The team above. Must not be the team itself or a team below it
    #[serde(deserialize_with = "sent")]
    parent_id: Option<Option<Uuid>>,
}

/// A team as another system knows it. Absent fields stay unchanged, null clears.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TeamItem {
    #[serde(flatten)]
    #[allow(dead_code, reason = "read by the import")]
    key: ItemKey,
    #[serde(flatten)]
    changes: TeamChanges,
}

batch! {
    /// Teams of one source system, in any order, even if they refer to each other
    #[schema(example = json!({ "source_system": "sap", "items": [{ "external_id": "T-1", "name": "华东大区" }] }))]
    TeamBatch of TeamItem
}

/// The filters of the list of teams.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TeamFilter {
    /// Only teams directly below this one
    parent_id: Option<Uuid>,
    code: Option<String>,
    /// A part of the name, of its pinyin or pinyin initials, or of the code. Case and width are
    /// ignored
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
}

page! {
    /// A page of teams
    TeamPage of Team
}

const PARENT: &[Reference] = &[Reference { at: "parent", of: "team", find: find_teams }];

intake::references! {
    NewTeam: PARENT;
    TeamChanges: PARENT;
    TeamItem: PARENT;
    TeamFilter: PARENT;
}

impl Team {
    fn blank(id: Uuid, now: Timestamp) -> Self {
        Self { id, version: 1, created_at: now, updated_at: now, ..Self::default() }
    }

    /// Returns the team after the changes, equal to `self` if they change nothing.
    fn with(&self, changes: &TeamChanges) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => TeamChanges { code, name, parent_id });
        after
    }
}
