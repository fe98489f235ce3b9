//! Filters of reports: the sales, visits and customers that the reader may see and asks for.

use ::customers::customer::Tier;
use access::Caller;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use intake::Reference;
use intake::reference::{BoxFuture, Found, Wanted};
use orders::order::Order;
use platform::{Conn, Date, Resource, Result};
use schema::{products, teams, territories, users};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::period::Range;
use crate::sql::Binds;

/// Filter common to all sales reports.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// 渠道
    #[param(min_length = 1, max_length = 100)]
    pub channel: Option<String>,
    /// 销售员 who is credited
    pub salesperson_id: Option<Uuid>,
    /// 团队, including all teams below it
    pub team_id: Option<Uuid>,
    pub customer_id: Option<Uuid>,
    pub territory_id: Option<Uuid>,
    pub product_id: Option<Uuid>,
    /// 产品类别 at the time when the order was recognised
    #[param(min_length = 1, max_length = 200)]
    pub category: Option<String>,
}

/// References are resolved whether or not the reader may see them: a filter only removes rows, and
/// the remaining ones are visible to the reader anyway. So an id and an external id mean the same.
/// The exception is people whose external id the reader may not see: [`find_users`].
pub const REFERENCES: &[Reference] = &[
    Reference { at: "salesperson", of: "user", find: find_users },
    Reference { at: "team", of: "team", find: find_teams },
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "territory", of: "territory", find: find_territories },
    Reference { at: "product", of: "product", find: find_products },
];

intake::references! { Filter: REFERENCES }

/// Filter common to all reports on visits.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitFilter {
    /// Owner of the visit, who gets the credit
    pub owner_id: Option<Uuid>,
    /// 团队 of the owner today, including all teams below it
    pub team_id: Option<Uuid>,
    pub customer_id: Option<Uuid>,
}

intake::references! {
    VisitFilter: &[
        Reference { at: "owner", of: "user", find: find_users },
        Reference { at: "team", of: "team", find: find_teams },
        Reference { at: "customer", of: "customer", find: find_customers },
    ];
}

/// Filter common to all reports on customers.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CustomerFilter {
    /// Owner of the customer
    pub owner_id: Option<Uuid>,
    /// 团队 of the owner today, including all teams below it
    pub team_id: Option<Uuid>,
    pub territory_id: Option<Uuid>,
    /// 地区
    #[param(min_length = 1, max_length = 100)]
    pub region: Option<String>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub tier: Option<Vec<Tier>>,
}

intake::references! {
    CustomerFilter: &[
        Reference { at: "owner", of: "user", find: find_users },
        Reference { at: "team", of: "team", find: find_teams },
        Reference { at: "territory", of: "territory", find: find_territories },
    ];
}

pub use customers::customer::find_any_customers as find_customers;

intake::find! { find_everybody in users, |_| sql::<Bool>("true") }
intake::find! { find_teams in teams, |_| sql::<Bool>("true") }
intake::find! { find_territories in territories, |_| sql::<Bool>("true") }
intake::find! { find_products in products, |_| sql::<Bool>("true") }

/// Resolves users. By external id, a reader with a limited scope finds only the people whose
/// external id they may read: orders shared with a colleague would otherwise reveal whom a guessed
/// id belongs to.
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

/// Filter of a report, be it a [`Filter`] or none.
pub trait Narrows {
    /// Returns the conditions on the rows that count, each beginning with ` and `.
    fn conditions(&self, binds: &mut Binds) -> String;
}

impl Narrows for Filter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        all.extend(self.channel.as_ref().map(|name| format!("channel = {}", binds.text(name))));
        all.extend(self.category.as_ref().map(|name| format!("category = {}", binds.text(name))));
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
        all.extend(self.region.as_ref().map(|region| format!("region = {}", binds.text(region))));
        if let Some(tiers) = &self.tier {
            let tiers: Vec<_> = tiers.iter().map(|tier| binds.text(tier.as_str())).collect();
            all.push(format!("tier in ({})", tiers.join(", ")));
        }
        also(&all)
    }
}

/// Joins conditions, each with a leading ` and `.
pub fn also(conditions: &[String]) -> String {
    conditions.iter().map(|condition| [" and ", condition].concat()).collect()
}

/// Returns the condition that the owner is in this team or in one below it.
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

/// Returns the condition for entries whose order the caller may see. It begins with ` and `, and is
/// empty for a caller who sees everything.
pub fn visible(caller: &Caller, binds: &mut Binds) -> String {
    let rule = caller.sees::<Order>().sql(|ids| binds.ids(ids));
    rule.map_or_else(String::new, |rule| {
        format!(" and order_id in (select orders.id from orders where {rule})")
    })
}

/// Returns the condition for the rows of a resource that the caller may see, in the same form.
pub fn sees<R: Resource>(caller: &Caller, binds: &mut Binds) -> String {
    let rule = caller.sees::<R>().sql(|ids| binds.ids(ids));
    rule.map_or_else(String::new, |rule| format!(" and {rule}"))
}

/// Returns the condition for customers whose accounts the caller may see, in the same form. For
/// managers it excludes the pool 公海.
pub fn visible_accounts(caller: &Caller, binds: &mut Binds) -> String {
    let reach = caller.reach_of_accounts();
    reach.map_or_else(String::new, |ids| {
        format!(" and customers.owner_id = any({})", binds.ids(ids))
    })
}

/// Returns the condition that a day is in the range and not after `as_of`.
pub fn dated(day: &str, range: Range, as_of: Option<Date>, binds: &mut Binds) -> String {
    let (from, to) = (binds.date(range.from), binds.date(range.to));
    let until = as_of.map(|as_of| format!(" and {day} <= {}", binds.date(as_of)));
    format!("{day} >= {from} and {day} < {to}{}", until.unwrap_or_default())
}

/// The ledger to select from. A correction reverses entries on the day on which they were booked,
/// so that the order counts where it is booked now: see [`STANDS`].
pub const LEDGER: &str = "sales_entries left join (
                select order_id, booked_on, max(id) as undone from sales_entries
                where kind = 'reversed' group by order_id, booked_on
            ) as reversals using (order_id, booked_on)";

/// Condition for an entry that makes its order count: booked, and not reversed by a correction. A
/// cancellation reverses the amounts on its own day, and the order stays counted where it was
/// booked.
pub const STANDS: &str = "(kind = 'booked' and (undone is null or undone < id))";
