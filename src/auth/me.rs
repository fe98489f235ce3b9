//! The caller's own account, roles and permissions.

use access::{Anybody, Caller, Can, Role};
use actix_web::{HttpResponse, web::Data};
use platform::{Conn, Db, Problems, Result, Routes};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api_client::MachineClient;
use crate::user::{UserView, account};
use access::PermissionTable;

/// The permissions of all domains with the roles that hold them. The application registers them.
#[derive(Debug, Clone, Default)]
pub struct Permissions(pub Vec<PermissionTable>);

/// The caller
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    id: Uuid,
    name: String,
    username: Option<String>,
    roles: Vec<Role>,
    /// Permissions that the roles hold
    #[schema(example = json!(["read_users", "write_orders"]))]
    permissions: Vec<String>,
    reach: Reach,
    team_id: Option<Uuid>,
    /// The nearest active team leader above the user
    manager_id: Option<Uuid>,
    /// `true` for an API client, `false` for a user
    machine: bool,
    /// The source system of an API client, whose external ids it uses
    source_system: Option<String>,
}

/// The scope of the rows that the caller sees
#[derive(Debug, Serialize, ToSchema)]
pub struct Reach {
    /// The number of users whose rows the caller sees: the caller and the members of the teams
    /// below
    people: usize,
    /// The number of teams that the caller leads, including all teams below them
    teams: usize,
    /// `true` if the caller sees all rows
    everything: bool,
    /// `true` if the caller sees customers without an owner, the pool 公海
    pool: bool,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, read_me);
    routes.with(account::routes);
}

/// Read the caller
///
/// Returns the current roles and scope, which may differ from those at the time when the token was
/// issued.
#[utoipa::path(
    get, path = "/me",
    responses((status = 200, description = "The caller", body = Me), Problems),
)]
async fn read_me(
    caller: Can<Anybody>,
    permissions: Option<Data<Permissions>>,
    db: Db,
) -> Result<HttpResponse> {
    let me = Me::read(&mut *db.conn().await?, &caller, permissions.as_deref()).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-cache")).json(me))
}

impl Me {
    async fn read(
        conn: &mut Conn,
        caller: &Caller,
        permissions: Option<&std::sync::Arc<Permissions>>,
    ) -> Result<Self> {
        let known = permissions.iter().flat_map(|permissions| &permissions.0).copied().flatten();
        let held = known.filter(|(_, roles)| roles.iter().any(|role| caller.is(*role)));
        let mut me = Self {
            id: caller.id(),
            name: String::new(),
            username: None,
            roles: caller.roles().to_vec(),
            permissions: held.map(|(name, _)| snake(name)).collect(),
            reach: Reach {
                people: caller.people().len(),
                teams: caller.teams().len(),
                everything: caller.reach().is_none(),
                pool: caller.reach().is_none() || caller.sees_pool(),
            },
            team_id: None,
            manager_id: None,
            machine: caller.is_machine(),
            source_system: caller.source_system().map(str::to_owned),
        };

        if me.machine {
            me.name = MachineClient::find(conn, me.id).await?.name;
        } else {
            let user = UserView::find(conn, caller, me.id).await?;
            (me.name, me.username) = (user.name, user.username);
            (me.team_id, me.manager_id) = (user.team_id, user.manager_id);
        }
        Ok(me)
    }
}

/// Converts `ReadVisits` to `read_visits`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if letter.is_uppercase() && place > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
