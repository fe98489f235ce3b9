//! Which sales, visits and customers a report counts: those that its reader may see and asks for.

use ::customers::customer::{self, Tier};
use auth::reference::{BoxFuture, Found, Wanted};
use auth::{Caller, Reference, Refers};
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use platform::{Conn, Date, Result};
use schema::{products, teams, territories, users};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;
use visits::visit;

use crate::period::Range;
use crate::sql::Binds;

/// What every sales report can be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// 渠道
    #[param(min_length = 1, max_length = 100)]
    pub channel: Option<String>,
    /// 销售员: who was credited
    pub salesperson_id: Option<Uuid>,
    /// 团队, with all teams below it
    pub team_id: Option<Uuid>,
    pub customer_id: Option<Uuid>,
    pub territory_id: Option<Uuid>,
    pub product_id: Option<Uuid>,
    /// 产品类别, as it was when the order was recognised
    #[param(min_length = 1, max_length = 200)]
    pub category: Option<String>,
}

/// Looked up without asking who may see them: a filter only takes away, and the sales that are
/// left are the reader's own business, so that an id and an external id mean the same, except for
/// people whose external id the reader may not see: [`find_users`].
pub const REFERENCES: &[Reference] = &[
    Reference { at: "salesperson", of: "user", find: find_users },
    Reference { at: "team", of: "team", find: find_teams },
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "territory", of: "territory", find: find_territories },
    Reference { at: "product", of: "product", find: find_products },
];

impl Refers for Filter {
    const REFERENCES: &'static [Reference] = REFERENCES;
}

/// What every report on visits can be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitFilter {
    /// Who has the credit of the visit
    pub owner_id: Option<Uuid>,
    /// 团队, with all teams below it: the owner's of today
    pub team_id: Option<Uuid>,
    pub customer_id: Option<Uuid>,
}

impl Refers for VisitFilter {
    const REFERENCES: &'static [Reference] = &[
        Reference { at: "owner", of: "user", find: find_users },
        Reference { at: "team", of: "team", find: find_teams },
        Reference { at: "customer", of: "customer", find: find_customers },
    ];
}

/// What every report on customers can be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CustomerFilter {
    /// Who looks after the customer
    pub owner_id: Option<Uuid>,
    /// 团队, with all teams below it: the owner's of today
    pub team_id: Option<Uuid>,
    pub territory_id: Option<Uuid>,
    /// 地区
    #[param(min_length = 1, max_length = 100)]
    pub region: Option<String>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub tier: Option<Vec<Tier>>,
}

impl Refers for CustomerFilter {
    const REFERENCES: &'static [Reference] = &[
        Reference { at: "owner", of: "user", find: find_users },
        Reference { at: "team", of: "team", find: find_teams },
        Reference { at: "territory", of: "territory", find: find_territories },
    ];
}

pub use customers::customer::find_any_customers as find_customers;

auth::find! { find_everybody in users, |_| sql::<Bool>("true") }
auth::find! { find_teams in teams, |_| sql::<Bool>("true") }
auth::find! { find_territories in territories, |_| sql::<Bool>("true") }
auth::find! { find_products in products, |_| sql::<Bool>("true") }

/// By external id, readers of a part find only the people whose external id they may read: shared
/// orders would show whose a guessed one is.
pub fn find_users<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    if caller.reach_of_accounts().is_some() {
        auth::find_users(conn, caller, wanted)
    } else {
        find_everybody(conn, caller, wanted)
    }
}

/// What narrows a report, whether it has a [`Filter`] or none.
pub trait Narrows {
    /// Conditions on what the report counts, each beginning with ` and `.
    fn conditions(&self, binds: &mut Binds) -> String;
}

impl Narrows for Filter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        all.extend(self.channel.as_ref().map(|it| format!("channel = {}", binds.text(it))));
        all.extend(self.category.as_ref().map(|it| format!("category = {}", binds.text(it))));
        for (column, id) in [
            ("user_id", self.salesperson_id),
            ("customer_id", self.customer_id),
            ("territory_id", self.territory_id),
            ("product_id", self.product_id),
        ] {
            all.extend(id.map(|id| format!("{column} = {}", binds.id(id))));
        }
        all.extend(self.team_id.map(|id| format!("team_path @> array[{}]", binds.id(id))));
        also(&all)
    }
}

impl Narrows for VisitFilter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        for (column, id) in [("owner_id", self.owner_id), ("customer_id", self.customer_id)] {
            all.extend(id.map(|id| format!("{column} = {}", binds.id(id))));
        }
        all.extend(self.team_id.map(|id| in_team(id, binds)));
        also(&all)
    }
}

impl Narrows for CustomerFilter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        for (column, id) in [("owner_id", self.owner_id), ("territory_id", self.territory_id)] {
            all.extend(id.map(|id| format!("{column} = {}", binds.id(id))));
        }
        all.extend(self.team_id.map(|id| in_team(id, binds)));
        all.extend(self.region.as_ref().map(|it| format!("region = {}", binds.text(it))));
        if let Some(tiers) = &self.tier {
            let tiers: Vec<_> = tiers.iter().map(|it| binds.text(it.as_str())).collect();
            all.push(format!("tier in ({})", tiers.join(", ")));
        }
        also(&all)
    }
}

pub fn also(conditions: &[String]) -> String {
    conditions.iter().map(|condition| [" and ", condition].concat()).collect()
}

/// The owner is in this team or one below it.
pub fn in_team(team: Uuid, binds: &mut Binds) -> String {
    let team = binds.id(team);
    format!(
        "owner_id in (
            with recursive below as (
                select id from teams where id = {team}
                union
                select teams.id from below join teams on teams.parent_id = below.id
            )
            select users.id from below join users on users.team_id = below.id
        )"
    )
}

impl Narrows for platform::NoFilter {
    fn conditions(&self, _: &mut Binds) -> String {
        String::new()
    }
}

/// The entries whose order the caller may see: a condition that begins with ` and `, and nothing
/// at all for those who see everything.
pub fn visible(caller: &Caller, binds: &mut Binds) -> String {
    let rule = caller.reaches_orders().sql(|ids| binds.ids(ids));
    rule.map_or_else(String::new, |rule| {
        format!(" and order_id in (select orders.id from orders where {rule})")
    })
}

/// The visits that the caller may see, in the same way.
pub fn visible_visits(caller: &Caller, binds: &mut Binds) -> String {
    let rule = visit::visible_to(caller).sql(|ids| binds.ids(ids));
    rule.map_or_else(String::new, |rule| format!(" and {rule}"))
}

/// The customers that the caller may see, in the same way.
pub fn visible_customers(caller: &Caller, binds: &mut Binds) -> String {
    let rule = customer::visible_to(caller).sql("owner_id", |ids| binds.ids(ids));
    rule.map_or_else(String::new, |rule| format!(" and {rule}"))
}

/// The customers whose accounts the caller may see, those of the pool not among them for managers.
pub fn visible_accounts(caller: &Caller, binds: &mut Binds) -> String {
    let reach = caller.reach_of_accounts();
    reach.map_or_else(String::new, |ids| {
        format!(" and customers.owner_id = any({})", binds.ids(ids))
    })
}

/// The orders that the caller may see, in the same way.
pub fn visible_orders(caller: &Caller, binds: &mut Binds) -> String {
    let rule = caller.reaches_orders().sql(|ids| binds.ids(ids));
    rule.map_or_else(String::new, |rule| format!(" and {rule}"))
}

/// A day lies in the range, and not after the one that the report looks from.
pub fn dated(day: &str, range: Range, as_of: Option<Date>, binds: &mut Binds) -> String {
    let (from, to) = (binds.date(range.from), binds.date(range.to));
    let until = as_of.map(|as_of| format!(" and {day} <= {}", binds.date(as_of)));
    format!("{day} >= {from} and {day} < {to}{}", until.unwrap_or_default())
}

/// The ledger to select from. A correction takes back what was booked on the day on which it was
/// booked, so that the order counts where it now stands: see [`STANDS`].
pub const LEDGER: &str = "sales_entries left join (
                select order_id, booked_on, max(id) as undone from sales_entries
                where kind = 'reversed' group by order_id, booked_on
            ) as reversals using (order_id, booked_on)";

/// An entry that makes its order count: booked, and not taken back by a correction. A cancellation
/// takes amounts back on its own day and leaves the order counted where it was booked.
pub const STANDS: &str = "(kind = 'booked' and (undone is null or undone < id))";
