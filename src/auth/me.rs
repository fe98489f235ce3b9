//! Who am I, and what may I do? (S1)

use actix_web::{HttpResponse, get, web::Data};
use platform::{Conn, Db, Problems, Result};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::api_client::MachineClient;
use crate::user::{UserView, account};
use crate::{Anybody, Caller, Can, Role};

/// What each domain's roles may do: the app registers the `PERMISSIONS` of all of them.
#[derive(Debug, Clone, Default)]
pub struct Permissions(pub Vec<&'static [(&'static str, &'static [Role])]>);

/// The caller
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    id: Uuid,
    name: String,
    username: Option<String>,
    roles: Vec<Role>,
    /// What the roles allow
    #[schema(example = json!(["read_users", "write_orders"]))]
    permissions: Vec<String>,
    reach: Reach,
    team_id: Option<Uuid>,
    /// The nearest active leader above
    manager_id: Option<Uuid>,
    /// A program, not a person
    machine: bool,
    /// Whose external ids a program uses
    source_system: Option<String>,
}

/// Whose rows the caller sees
#[derive(Debug, Serialize, ToSchema)]
pub struct Reach {
    /// The caller and those in the teams below
    people: usize,
    /// The teams that the caller leads, and all below them
    teams: usize,
    /// No limit at all
    everything: bool,
    /// Customers without an owner
    pool: bool,
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_me).configure(account::routes);
}

/// Who am I?
///
/// With the roles and the reach of this moment, which may differ from the token's.
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "The caller", body = Me), Problems),
)]
#[get("/me")]
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
        let known = permissions.iter().flat_map(|it| &it.0).copied().flatten();
        let held = known.filter(|it| it.1.iter().any(|role| caller.is(*role)));
        let mut me = Self {
            id: caller.id(),
            name: String::new(),
            username: None,
            roles: caller.roles().to_vec(),
            permissions: held.map(|it| snake(it.0)).collect(),
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

/// `ReadVisits` → `read_visits`
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
