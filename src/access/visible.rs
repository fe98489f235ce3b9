//! Row-level visibility: the row rule of a resource as a condition in the queries of a caller.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use platform::Resource;
use platform::row_rule::{RowRule, Viewers};
use uuid::Uuid;

use self::Piece::{IsOneOf, Overlaps, OverlapsAudience, Text};
use super::{Caller, Role};

/// The condition that a caller sees a row: `true` for callers who see every row, otherwise one part
/// for each of the rule's viewers.
///
/// An expression of its own, because each rule and each kind of caller has an SQL text and a plan of
/// its own: a generic plan for `$1 or owner_id = any($2)` would have to suit all callers and could
/// not rely on an index. It works in select, update, delete, count, join and subquery alike.
#[derive(Debug, Clone)]
pub struct Visible<'a> {
    rule: &'static RowRule,
    caller: &'a Caller,
    people: &'a [Uuid],
    teams: &'a [Uuid],
    /// Ids of the caller's people, teams and roles, for rules that need them
    audience: Vec<Uuid>,
}

impl Caller {
    /// Returns the condition for the rows of a resource that the caller sees. Every query that
    /// answers a caller starts with it.
    pub fn sees<R: Resource>(&self) -> Visible<'_> {
        Visible::by(R::RULE, self)
    }
}

/// A piece of the condition.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Text(&'static str),
    /// ` = any(…)`
    IsOneOf(Whose),
    /// ` && …`
    Overlaps(Whose),
    OverlapsAudience,
}

/// Ids that the caller sees.
#[derive(Debug, Clone, Copy)]
enum Whose {
    People,
    Teams,
}

impl<'a> Visible<'a> {
    fn by(rule: &'static RowRule, caller: &'a Caller) -> Self {
        let needed = rule.viewers.iter().any(|it| matches!(it.split().1, Viewers::Audience(_)));
        let audience = if needed { caller.audience() } else { vec![] };
        Self { rule, caller, people: caller.people(), teams: caller.teams(), audience }
    }

    /// Returns `true` if the caller sees every row, so that a report can leave the condition out.
    pub fn is_everything(&self) -> bool {
        let caller = self.caller;
        let reach = if self.rule.accounts { caller.reach_of_accounts() } else { caller.reach() };
        reach.is_none()
    }

    /// Returns the condition for raw SQL. `bind` adds an array parameter and returns its
    /// placeholder. `None` if the caller sees every row.
    pub fn sql(&self, mut bind: impl FnMut(&[Uuid]) -> String) -> Option<String> {
        let pieces = (!self.is_everything()).then(|| self.pieces())?;
        let text = pieces.into_iter().map(|piece| match piece {
            Text(text) => text.to_owned(),
            IsOneOf(whose) => format!(" = any({})", bind(self.ids(whose))),
            Overlaps(whose) => format!(" && {}", bind(self.ids(whose))),
            OverlapsAudience => format!(" && {}", bind(&self.audience)),
        });
        Some(text.collect())
    }

    fn ids(&self, whose: Whose) -> &&'a [Uuid] {
        match whose {
            Whose::People => &self.people,
            Whose::Teams => &self.teams,
        }
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = vec![];
        self.add_rule(self.rule, &mut pieces);
        pieces
    }

    fn add_rule(&self, rule: &'static RowRule, to: &mut Vec<Piece>) {
        let parts = rule.viewers.iter().map(Viewers::split);
        let parts = parts.filter(|(_, viewers)| self.may_be_one_of(viewers));
        let mut between = "(";
        for (condition, viewers) in parts {
            to.push(Text(between));
            between = " or ";
            if let Some(condition) = condition {
                to.extend([Text(condition), Text(" and ")]);
            }
            self.add_viewers(rule.table, viewers, to);
        }
        to.push(Text(if between == "(" { "false" } else { ")" }));
    }

    /// Returns `false` for viewers to whom the caller cannot belong.
    fn may_be_one_of(&self, viewers: &Viewers) -> bool {
        match viewers {
            Viewers::Quality(_) => self.caller.is(Role::Quality),
            Viewers::Accounts => self.caller.reach_of_accounts().is_none(),
            _ => true,
        }
    }

    fn add_viewers(&self, table: &'static str, viewers: &'static Viewers, to: &mut Vec<Piece>) {
        use Viewers::{
            Accounts, Audience, Customer, CustomerOrPool, Everybody, JoinedCustomerOrPool,
            JoinedRow, People, Person, PersonOrPool, Quality, Row, Team, Teams, When,
        };
        use Whose::{People as Persons, Teams as Led};

        let column = |name: &'static str| [Text(table), Text("."), Text(name)];
        let pool = self.caller.sees_pool();
        match viewers {
            Everybody | Accounts => to.push(Text("true")),
            Person(name) => to.extend(column(name).into_iter().chain([IsOneOf(Persons)])),
            Team(name) => to.extend(column(name).into_iter().chain([IsOneOf(Led)])),
            People(name) => to.extend(column(name).into_iter().chain([Overlaps(Persons)])),
            Teams(name) => to.extend(column(name).into_iter().chain([Overlaps(Led)])),
            Audience(name) => to.extend(column(name).into_iter().chain([OverlapsAudience])),
            PersonOrPool(name) => {
                to.extend(column(name).into_iter().chain([IsOneOf(Persons)]));
                if pool {
                    to.push(Text(" or "));
                    to.extend(column(name).into_iter().chain([Text(" is null")]));
                }
            }
            Customer(name) | CustomerOrPool(name) => {
                to.extend(column(name));
                to.push(Text(" in (select id from customers where customers.owner_id"));
                to.push(IsOneOf(Persons));
                if pool && matches!(viewers, CustomerOrPool(_)) {
                    to.push(Text(" or customers.owner_id is null"));
                }
                to.push(Text(")"));
            }
            JoinedCustomerOrPool(_) => {
                to.extend([Text("customers.owner_id"), IsOneOf(Persons)]);
                if pool {
                    to.push(Text(" or customers.owner_id is null"));
                }
            }
            Quality(name) => to.extend(column(name).into_iter().chain([Text(" is not null")])),
            Row(name, rule) => {
                to.extend(column(name));
                to.extend([Text(" in (select id from "), Text(rule.table), Text(" where ")]);
                self.add_rule(rule, to);
                to.push(Text(")"));
            }
            JoinedRow(_, rule) => self.add_rule(rule, to),
            // `split` has removed it.
            When(..) => to.push(Text("false")),
        }
    }
}

impl Expression for Visible<'_> {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for Visible<'_> {}

impl<Q> SelectableExpression<Q> for Visible<'_> {}

impl ValidGrouping<()> for Visible<'_> {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for Visible<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Visible<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        if self.is_everything() {
            out.push_sql("true");
            return Ok(());
        }
        for piece in self.pieces() {
            match piece {
                Text(text) => out.push_sql(text),
                IsOneOf(whose) => {
                    let ids = self.ids(whose);
                    // Only this form lets an index on owner and name return a list in order, which
                    // is five times as fast for a salesperson.
                    if let [one] = ids {
                        out.push_sql(" = ");
                        out.push_bind_param::<SqlUuid, Uuid>(one)?;
                    } else {
                        out.push_sql(" = any(");
                        out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(ids)?;
                        out.push_sql(")");
                    }
                }
                Overlaps(whose) => {
                    out.push_sql(" && ");
                    out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(self.ids(whose))?;
                }
                OverlapsAudience => {
                    out.push_sql(" && ");
                    out.push_bind_param::<Array<SqlUuid>, Vec<Uuid>>(&self.audience)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::prelude::*;
    use platform::row_rule::Viewers::{
        Accounts, Audience, Customer, CustomerOrPool, Everybody, JoinedCustomerOrPool, JoinedRow,
        People, Person, PersonOrPool, Quality, Row, Team, Teams, When,
    };
    use schema::{contacts, customers};

    use super::*;
    use crate::Person as Someone;

    const PARENT: RowRule =
        RowRule { table: "orders", accounts: false, viewers: &[People("credited")] };

    fn caller(roles: &[Role], people: usize) -> Caller {
        Caller::of(Someone {
            id: Uuid::nil(),
            roles: roles.to_vec(),
            machine: false,
            source_system: None,
            reach: vec![Uuid::nil(); people],
            teams: vec![Uuid::nil(); 2],
        })
    }

    fn sql(query: &impl QueryFragment<Pg>) -> String {
        let text = debug_query::<Pg, _>(query).to_string();
        text.split(" -- ").next().unwrap().replace('"', "")
    }

    /// The condition of a rule for a caller, as text.
    fn condition(rule: &'static RowRule, caller: &Caller) -> String {
        let visible = Visible::by(rule, caller);
        let query = customers::table.filter(visible.clone()).count();
        let text = sql(&query).split("WHERE ").nth(1).unwrap().to_owned();

        let mut number = 0;
        let raw = visible.sql(|_| {
            number += 1;
            format!("${number}")
        });
        let several = text.replace(" = $", " = any($");
        if caller.people().len() > 1 {
            assert_eq!(raw.as_deref().unwrap_or("true"), several);
        }
        text
    }

    macro_rules! rule {
        ($($viewers:expr),*) => {
            &RowRule { table: "t", accounts: false, viewers: &[$($viewers),*] }
        };
    }

    #[test]
    fn each_kind_of_viewers_is_a_condition() {
        let table: &[(&'static RowRule, &str)] = &[
            (rule!(), "false"),
            (rule!(Everybody), "(true)"),
            (rule!(Person("a")), "(t.a = any($1))"),
            (rule!(PersonOrPool("a")), "(t.a = any($1) or t.a is null)"),
            (rule!(People("a")), "(t.a && $1)"),
            (rule!(Team("a")), "(t.a = any($1))"),
            (rule!(Audience("a")), "(t.a && $1)"),
            (rule!(Person("a"), Teams("b")), "(t.a = any($1) or t.b && $2)"),
            (
                rule!(Customer("a")),
                "(t.a in (select id from customers where customers.owner_id = any($1)))",
            ),
            (
                rule!(CustomerOrPool("a")),
                "(t.a in (select id from customers where customers.owner_id = any($1) \
                 or customers.owner_id is null))",
            ),
            (
                rule!(JoinedCustomerOrPool("a")),
                "(customers.owner_id = any($1) or customers.owner_id is null)",
            ),
            (
                rule!(Row("a", &PARENT)),
                "(t.a in (select id from orders where (orders.credited && $1)))",
            ),
            (rule!(JoinedRow("a", &PARENT)), "((orders.credited && $1))"),
            (
                rule!(When("t.x", &Person("a")), When("t.y", &Everybody)),
                "(t.x and t.a = any($1) or t.y and true)",
            ),
            (rule!(Person("a"), Quality("b"), Accounts), "(t.a = any($1))"),
        ];
        let manager = caller(&[Role::SalesManager], 2);
        for (rule, expected) in table {
            assert_eq!(condition(rule, &manager), *expected, "{rule:?}");
        }
    }

    #[test]
    fn roles_decide_what_counts() {
        let some = rule!(Person("a"), Quality("b"), When("t.x", &Accounts));
        let of = |role| condition(some, &caller(&[role], 2));
        assert_eq!(of(Role::Quality), "(t.a = any($1) or t.b is not null)");
        assert_eq!(of(Role::Finance), "(t.a = any($1) or t.x and true)");
        assert_eq!(of(Role::BackOffice), "true");

        let pool = rule!(PersonOrPool("a"), CustomerOrPool("b"), JoinedCustomerOrPool("c"));
        assert!(!condition(pool, &caller(&[Role::Salesperson], 2)).contains("is null"));

        let accounts = &RowRule { table: "t", accounts: true, viewers: &[Person("a")] };
        assert_eq!(condition(accounts, &caller(&[Role::Finance], 2)), "true");
        assert_eq!(condition(accounts, &caller(&[Role::Quality], 2)), "(t.a = any($1))");
    }

    #[test]
    fn a_single_person_is_compared_directly() {
        let seller = caller(&[Role::Salesperson], 1);
        assert_eq!(condition(rule!(Person("a"), People("b")), &seller), "(t.a = $1 or t.b && $2)");
    }

    #[test]
    fn one_rule_in_every_kind_of_statement() {
        const RULE: &RowRule =
            &RowRule { table: "customers", accounts: false, viewers: &[Person("owner_id")] };
        let manager = caller(&[Role::SalesManager], 2);
        let mine = || Visible::by(RULE, &manager);
        let customers = customers::table;

        let delete = sql(&diesel::delete(customers.filter(mine())));
        assert_eq!(delete, "DELETE FROM customers WHERE (customers.owner_id = any($1))");
        let update = diesel::update(customers.filter(mine())).set(customers::version.eq(2));
        assert!(sql(&update).ends_with("WHERE (customers.owner_id = any($2))"));
        let join = contacts::table.inner_join(customers).filter(mine()).select(contacts::name);
        assert!(sql(&join).ends_with("WHERE (customers.owner_id = any($1))"));
        let seen = customers.filter(mine()).select(customers::id).into_boxed();
        let inside =
            contacts::table.filter(contacts::customer_id.eq_any(seen)).select(contacts::id);
        assert!(sql(&inside).contains("(SELECT customers.id FROM customers WHERE"));
    }
}
