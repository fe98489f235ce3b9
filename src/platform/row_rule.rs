//! The rule of a resource that says who sees its rows. It is declared once, with
//! [`resource!`](crate::resource!). The queries for a caller, the change feed, snapshots, hand-overs
//! and reports follow from it.

use uuid::Uuid;

use self::Viewers::{
    Accounts, Audience, Customer, CustomerOrPool, Everybody, JoinedCustomerOrPool, JoinedRow,
    People, Person, Quality, Row, Team, Teams, When,
};

/// Stands for an owner: everybody may see the row.
pub const EVERYBODY: Option<Uuid> = Some(Uuid::max());

/// Stands for an owner: the quality department may see the row.
pub const QUALITY_DESK: Uuid = Uuid::from_u128(u128::MAX - 1);

/// Stands for an owner: users who see the accounts of all customers may see the row.
pub const ACCOUNTS: Uuid = Uuid::from_u128(u128::MAX - 2);

/// A rule that says which users see the rows of a table.
#[derive(Debug)]
pub struct RowRule {
    pub table: &'static str,
    /// Users who see the accounts of all customers, such as finance, see every row
    pub accounts: bool,
    /// A row is visible to all of these
    pub viewers: &'static [Viewers],
}

/// Some of the users who see a row. The text is the name of a column.
#[derive(Debug)]
pub enum Viewers {
    Everybody,
    /// Users who see this person
    Person(&'static str),
    /// Users who see this person; without a person, users who see the pool 公海
    PersonOrPool(&'static str),
    /// Users who see one of the people in this array
    People(&'static str),
    /// Leaders of this team
    Team(&'static str),
    /// Leaders of one of the teams in this array
    Teams(&'static str),
    /// Users who see one of the people, lead one of the teams, or have one of the roles in this
    /// array
    Audience(&'static str),
    /// Users who see the owner of this customer
    Customer(&'static str),
    /// Users who see the owner of this customer; without an owner, users who see the pool 公海
    CustomerOrPool(&'static str),
    /// The same, in queries that join `customers` anyway
    JoinedCustomerOrPool(&'static str),
    /// The quality department, as soon as this column has a value
    Quality(&'static str),
    /// Users who see the accounts of all customers
    Accounts,
    /// Users who see this row of another table
    Row(&'static str, &'static RowRule),
    /// The same, in queries that join the other table anyway
    JoinedRow(&'static str, &'static RowRule),
    /// The others, for rows that fulfil a condition
    When(&'static str, &'static Viewers),
}

impl RowRule {
    /// Everybody sees all rows.
    pub const EVERYBODY: Self = Self { table: "", accounts: false, viewers: &[Everybody] };

    /// Nobody sees the rows in the change feed, and there is no row rule for queries.
    pub const NOBODY: Self = Self { table: "", accounts: false, viewers: &[] };

    /// Returns `true` if the pool 公海 sees the rows of customers without an owner.
    pub fn has_pool(&self) -> bool {
        let pool =
            |viewers: &Viewers| matches!(viewers, CustomerOrPool(_) | JoinedCustomerOrPool(_));
        self.viewers.iter().any(|viewers| pool(viewers.split().1))
    }

    /// Returns a query of (id, version, customer, array of the other viewers) for the rows that are
    /// visible to the owner of a customer. `None` if no customer decides.
    pub fn under_customers(&self) -> Option<String> {
        self.viewers.iter().find_map(|viewers| {
            let (condition, viewers) = viewers.split();
            let (rule, customer, parent) = match viewers {
                Row(column, rule) | JoinedRow(column, rule) => {
                    let customer = rule.viewers.iter().find_map(Viewers::customer)?;
                    let (table, parent) = (self.table, rule.table);
                    let join = format!(" join {parent} on {parent}.id = {table}.{column}");
                    (*rule, customer, join)
                }
                viewers => (self, viewers.customer()?, String::new()),
            };
            let (table, deciding, others) = (self.table, rule.table, rule.others());
            let condition = condition.map(|text| format!(" where {text}")).unwrap_or_default();
            Some(format!(
                "select {table}.id, {table}.version, {deciding}.{customer}, {others} \
                 from {table}{parent}{condition}"
            ))
        })
    }

    /// Returns a query of (id, version, the other row, no further viewers) for the rows that are
    /// visible with a row of another table.
    pub fn under_rows_of(&self, other: &Self) -> Option<String> {
        let table = self.table;
        self.viewers.iter().find_map(|viewers| match viewers {
            Row(column, rule) | JoinedRow(column, rule) if rule.table == other.table => {
                Some(format!("select id, version, {column}, '{{}}'::uuid[] from {table}"))
            }
            _ => None,
        })
    }

    /// Returns an SQL array of all viewers except the owner of a customer.
    fn others(&self) -> String {
        let table = self.table;
        let single = self.viewers.iter().filter_map(|viewers| {
            let (condition, viewers) = viewers.split();
            let id = match viewers {
                Everybody => format!("'{}'::uuid", EVERYBODY?),
                Accounts => format!("'{ACCOUNTS}'::uuid"),
                Quality(column) => {
                    format!(
                        "case when {table}.{column} is not null then '{QUALITY_DESK}'::uuid end"
                    )
                }
                Person(column) | Team(column) => format!("{table}.{column}"),
                _ => return None,
            };
            Some(match condition {
                Some(text) => format!("case when {text} then {id} end"),
                None => id,
            })
        });
        let single = single.collect::<Vec<_>>().join(", ");
        let arrays = self.viewers.iter().filter_map(|viewers| match viewers {
            People(column) | Teams(column) | Audience(column) => Some(format!("{table}.{column}")),
            _ => None,
        });
        let single = (!single.is_empty()).then(|| format!("array_remove(array[{single}], null)"));
        let all: Vec<String> = arrays.chain(single).collect();
        if all.is_empty() { "'{}'::uuid[]".to_owned() } else { all.join(" || ") }
    }
}

impl Viewers {
    /// Returns the condition and the viewers themselves.
    pub fn split(&self) -> (Option<&'static str>, &Self) {
        match self {
            When(condition, viewers) => (Some(condition), viewers),
            viewers => (None, viewers),
        }
    }

    /// Returns the column with the customer whose owner sees the row.
    fn customer(&self) -> Option<&'static str> {
        match self {
            Customer(column) | CustomerOrPool(column) | JoinedCustomerOrPool(column) => {
                Some(column)
            }
            _ => None,
        }
    }
}

/// A field with ids of people or teams.
pub trait Ids {
    fn ids(&self) -> &[Uuid];
}

impl Ids for Uuid {
    fn ids(&self) -> &[Uuid] {
        std::slice::from_ref(self)
    }
}

impl Ids for Option<Uuid> {
    fn ids(&self) -> &[Uuid] {
        self.as_slice()
    }
}

impl Ids for Vec<Uuid> {
    fn ids(&self) -> &[Uuid] {
        self
    }
}

/// The ids that one of the [`Viewers`] of a rule stands for in a row in memory. In it the owner of
/// the customer is the field `customer_owner_id`.
#[macro_export]
macro_rules! viewer_ids {
    ($row:ident Customer $field:ident) => {
        $row.customer_owner_id.map(Some).into_iter().collect::<Vec<_>>()
    };
    ($row:ident CustomerOrPool $field:ident) => {
        vec![$row.customer_owner_id]
    };
    ($row:ident JoinedCustomerOrPool $field:ident) => {
        vec![$row.customer_owner_id]
    };
    ($row:ident PersonOrPool $field:ident) => {
        vec![$row.$field]
    };
    ($row:ident Quality $field:ident) => {
        $row.$field.map(|_| Some($crate::row_rule::QUALITY_DESK)).into_iter().collect::<Vec<_>>()
    };
    ($row:ident $people:ident $field:ident) => {
        $crate::row_rule::Ids::ids(&$row.$field).iter().copied().map(Some).collect::<Vec<_>>()
    };
}

#[cfg(test)]
mod tests {
    use super::Viewers::PersonOrPool;
    use super::*;

    const ORDERS: RowRule = RowRule {
        table: "orders",
        accounts: true,
        viewers: &[People("credited"), Teams("team_path"), Customer("customer_id")],
    };
    const SHIPMENTS: RowRule =
        RowRule { table: "shipments", accounts: true, viewers: &[Row("order_id", &ORDERS)] };
    const COMPLAINTS: RowRule = RowRule {
        table: "complaints",
        accounts: false,
        viewers: &[Person("owner_id"), Customer("customer_id"), Quality("dispatched_at")],
    };
    const TARGETS: RowRule = RowRule {
        table: "targets",
        accounts: false,
        viewers: &[
            When("of = 'user'", &Person("owner_id")),
            When("of = 'customer'", &CustomerOrPool("owner_id")),
            When("of = 'customer'", &Accounts),
        ],
    };
    const CUSTOMERS: RowRule =
        RowRule { table: "customers", accounts: true, viewers: &[PersonOrPool("owner_id")] };

    #[test]
    fn rows_of_a_customer_are_selected_with_their_other_viewers() {
        let orders = "select orders.id, orders.version, orders.customer_id, \
            orders.credited || orders.team_path from orders";
        assert_eq!(ORDERS.under_customers().unwrap(), orders);
        let shipments = "select shipments.id, shipments.version, orders.customer_id, \
            orders.credited || orders.team_path from shipments \
            join orders on orders.id = shipments.order_id";
        assert_eq!(SHIPMENTS.under_customers().unwrap(), shipments);
        let complaints = "select complaints.id, complaints.version, complaints.customer_id, \
            array_remove(array[complaints.owner_id, case when complaints.dispatched_at is not null \
            then 'ffffffff-ffff-ffff-ffff-fffffffffffe'::uuid end], null) from complaints";
        assert_eq!(COMPLAINTS.under_customers().unwrap(), complaints);
        let targets = "select targets.id, targets.version, targets.owner_id, array_remove(array[\
            case when of = 'user' then targets.owner_id end, \
            case when of = 'customer' then 'ffffffff-ffff-ffff-ffff-fffffffffffd'::uuid end], null) \
            from targets where of = 'customer'";
        assert_eq!(TARGETS.under_customers().unwrap(), targets);
        assert_eq!(CUSTOMERS.under_customers(), None);
        assert_eq!(RowRule::EVERYBODY.under_customers(), None);
    }

    #[test]
    fn rows_of_another_row_are_selected_without_further_viewers() {
        let shipments = "select id, version, order_id, '{}'::uuid[] from shipments";
        assert_eq!(SHIPMENTS.under_rows_of(&ORDERS).unwrap(), shipments);
        assert_eq!(SHIPMENTS.under_rows_of(&COMPLAINTS), None);
        assert_eq!(ORDERS.under_rows_of(&ORDERS), None);
    }

    #[test]
    fn only_some_rules_know_the_pool() {
        assert!(TARGETS.has_pool());
        assert!(!ORDERS.has_pool());
    }
}
