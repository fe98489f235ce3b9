//! Which sales a report counts: those that its reader may see and asks for.

use auth::{Caller, Reference, Refers};
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use platform::Date;
use schema::{customers, products, teams, territories, users};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

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
/// left are the reader's own business, so that an id and an external id always mean the same.
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

auth::find! { find_users in users, |_| sql::<Bool>("true") }
auth::find! { find_teams in teams, |_| sql::<Bool>("true") }
auth::find! { find_customers in customers, |_| sql::<Bool>("true") }
auth::find! { find_territories in territories, |_| sql::<Bool>("true") }
auth::find! { find_products in products, |_| sql::<Bool>("true") }

/// What narrows a report, whether it has a [`Filter`] or none.
pub trait Narrows {
    /// Conditions on `sales_entries`, each beginning with ` and `.
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
        all.iter().map(|condition| [" and ", condition].concat()).collect()
    }
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

/// `booked_on` lies in the range, and not after the day that the report looks from.
pub fn booked_in(range: Range, as_of: Option<Date>, binds: &mut Binds) -> String {
    let (from, to) = (binds.date(range.from), binds.date(range.to));
    let until = as_of.map(|day| format!(" and booked_on <= {}", binds.date(day)));
    format!("booked_on >= {from} and booked_on < {to}{}", until.unwrap_or_default())
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
