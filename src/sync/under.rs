//! The consequences of changes for the feed. When a customer is handed over, its rows appear for
//! some readers and disappear for others, and so do the shipments of an order and the advice of a
//! visit.
//!
//! A transaction that records such a row locks its customer meanwhile. Otherwise a concurrent
//! hand-over or merge of the customer would miss the row.

use std::collections::{HashMap, HashSet};

use customers::customer::Customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use orders::order::Order;
use platform::changes::{Change, Handed, Hooks, Op, Seen, hand_over};
use platform::{Conn, Resource, Result, Tx};
use receivables::control_balance::ControlBalance;
use uuid::Uuid;
use visits::visit::Visit;

use crate::kinds::{KINDS, Kind};

/// The functions that `platform` calls around the recording of changes.
pub const HOOKS: Hooks = Hooks { hold, followed };

fn hold<'a>(tx: &'a mut Tx, changes: &'a [Change]) -> BoxFuture<'a, Result<Seen>> {
    Box::pin(async move {
        // Control balances are exempt: they stay with the account of the books, even if it was
        // merged.
        let named = changes.iter().filter(|change| change.kind() != ControlBalance::TYPE);
        customers::customer::check_unmerged(tx, named.filter_map(Change::customer)).await?;
        let mut seen = Seen::new();
        for kind in KINDS {
            let of = |change: &&Change| kind.covers(change.kind()) && change.op() != Op::Deleted;
            hold_those(tx, kind, changes.iter().filter(of), &mut seen).await?;
        }
        Ok(seen)
    })
}

fn followed<'a>(tx: &'a mut Tx, changes: &'a [Change]) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let customers = handed(changes, Customer::TYPE);
        if !customers.is_empty() {
            for kind in KINDS {
                let Some(rows) = kind.under_customers() else { continue };
                let pool = kind.rule.has_pool();
                // The nil id stands for the pool, which does not see rows of all types.
                let seen = |ids: &[Uuid]| -> Vec<Uuid> {
                    ids.iter().copied().filter(|id| pool || !id.is_nil()).collect()
                };
                let handed = customers.iter().map(|customer| Handed {
                    id: customer.id,
                    before: seen(&customer.before),
                    after: seen(&customer.after),
                });
                hand_over(tx, (kind.name, kind.type_of), &rows, &handed.collect::<Vec<_>>())
                    .await?;
            }
        }

        follow_rows::<Order>(tx, changes).await?;
        follow_rows::<Visit>(tx, changes).await
    })
}

/// Hands over the rows that are visible with the rows of this type.
async fn follow_rows<R: Resource>(tx: &mut Tx, changes: &[Change]) -> Result<()> {
    let handed = handed(changes, R::TYPE);
    for kind in KINDS {
        if let Some(rows) = kind.rule.under_rows_of(R::RULE) {
            hand_over(tx, (kind.name, kind.type_of), &rows, &handed).await?;
        }
    }
    Ok(())
}

/// Returns the rows of a type that other readers see now.
fn handed(changes: &[Change], kind: &str) -> Vec<Handed> {
    let of = changes.iter().filter(|change| change.kind() == kind && change.op() == Op::Updated);
    let other = of.filter(|change| set(change.seen_by()) != set(change.seen_before()));
    let handed = other.map(|change| Handed {
        id: change.id(),
        before: change.seen_before().to_vec(),
        after: change.seen_by().to_vec(),
    });
    handed.collect()
}

/// Locks the customers of the changed rows, so that they stay with their owners until the
/// transaction ends. If a customer was handed over since it was read, the new owner sees the row.
async fn hold_those<'a>(
    tx: &mut Tx,
    kind: &Kind,
    changes: impl Iterator<Item = &'a Change>,
    corrected: &mut Seen,
) -> Result<()> {
    let told: HashMap<Uuid, &Change> = changes.map(|change| (change.id(), change)).collect();
    if told.is_empty() {
        return Ok(());
    }
    let Some(rows) = kind.under_customers() else { return Ok(()) };
    let held =
        LockedViewers { rows, pool: kind.rule.has_pool(), ids: told.keys().copied().collect() };
    let held: Vec<(Uuid, Vec<Uuid>)> = held.load(tx.conn()).await?;
    for (id, seen) in held {
        let other = told.get(&id).filter(|change| set(change.seen_by()) != set(&seen));
        if let Some(change) = other {
            corrected.insert(change.key(), seen);
        }
    }
    Ok(())
}

fn set(ids: &[Uuid]) -> HashSet<Uuid> {
    ids.iter().copied().collect()
}

/// A query of those who see these rows now, which locks their customers. It is a query fragment of
/// its own, because diesel prepares the text of `sql_query` on every execution.
struct LockedViewers {
    /// See [`Kind::under_customers`]
    rows: String,
    /// Users who see the pool also see the rows of customers without an owner
    pool: bool,
    ids: Vec<Uuid>,
}

impl Query for LockedViewers {
    type SqlType = (SqlUuid, Array<SqlUuid>);
}

impl diesel::RunQueryDsl<Conn> for LockedViewers {}

impl QueryId for LockedViewers {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for LockedViewers {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let owner = if self.pool {
            "coalesce(c.owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"
        } else {
            "c.owner_id"
        };
        out.push_sql("select it.id, array_remove(it.others || ");
        out.push_sql(owner);
        out.push_sql(", null) from (");
        out.push_sql(&self.rows);
        out.push_sql(") as it (id, version, hangs_on, others) ");
        out.push_sql("join customers c on c.id = it.hangs_on where it.id = any(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql(") order by c.id for share of c");
        Ok(())
    }
}
