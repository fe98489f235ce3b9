//! What follows for the feed from a change: rows under a customer that changes hands enter the view
//! of some and leave that of others, and so do the shipments of an order and the advice of a visit.
//! Whoever records such a row holds its customer meanwhile, or the one who hands it over would not
//! find the row; and whoever merges it would not find any row that is recorded of it.

use std::collections::{HashMap, HashSet};

use customers::customer::Customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use orders::order::Order;
use orders::shipment::Shipment;
use platform::changes::{Change, Handed, Hooks, Op, Seen, hand_over};
use platform::{Conn, Resource, Result, Tx};
use receivables::control_balance::ControlBalance;
use uuid::Uuid;
use visits::cashflow_advice::CashflowAdvice;
use visits::visit::Visit;

use crate::kinds::{KINDS, Under};

/// The shipments that whoever sees the order sees.
const OF_ORDERS: &str = "select id, version, order_id, '{}'::uuid[] from shipments";

/// The advice that whoever sees the visit sees.
const OF_VISITS: &str = "select id, version, visit_id, '{}'::uuid[] from cashflow_advice";

/// What `platform` calls around the recording of changes.
pub const HOOKS: Hooks = Hooks { hold, followed };

fn hold<'a>(tx: &'a mut Tx, changes: &'a [Change]) -> BoxFuture<'a, Result<Seen>> {
    Box::pin(async move {
        // Not the control balances, which stay with the account that the books know.
        let named = changes.iter().filter(|change| change.kind() != ControlBalance::TYPE);
        customers::customer::check_unmerged(tx, named.filter_map(Change::customer)).await?;
        let mut seen = Seen::new();
        for kind in KINDS {
            let Some(under) = kind.under else { continue };
            let of = |it: &&Change| it.kind() == kind.name && it.op() != Op::Deleted;
            hold_those(tx, under, changes.iter().filter(of), &mut seen).await?;
        }
        Ok(seen)
    })
}

fn followed<'a>(tx: &'a mut Tx, changes: &'a [Change]) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let customers = handed(changes, Customer::TYPE);
        if !customers.is_empty() {
            for kind in KINDS {
                let Some(Under { rows, pool }) = kind.under else { continue };
                let seen = |ids: &[Uuid]| -> Vec<Uuid> {
                    ids.iter().copied().filter(|it| pool || !it.is_nil()).collect()
                };
                let handed = customers.iter().map(|it| Handed {
                    id: it.id,
                    before: seen(&it.before),
                    after: seen(&it.after),
                });
                hand_over(tx, kind.name, rows, &handed.collect::<Vec<_>>()).await?;
            }
        }
        let orders = handed(changes, Order::TYPE);
        hand_over(tx, Shipment::TYPE, OF_ORDERS, &orders).await?;
        let visits = handed(changes, Visit::TYPE);
        hand_over(tx, CashflowAdvice::TYPE, OF_VISITS, &visits).await
    })
}

/// Those of a type that others see now.
fn handed(changes: &[Change], kind: &str) -> Vec<Handed> {
    let of = changes.iter().filter(|it| it.kind() == kind && it.op() == Op::Updated);
    let other = of.filter(|it| set(it.seen_by()) != set(it.seen_before()));
    let handed = other.map(|it| Handed {
        id: it.id(),
        before: it.seen_before().to_vec(),
        after: it.seen_by().to_vec(),
    });
    handed.collect()
}

/// Sees to it that the customers of these rows stay with their owners until the transaction ends. If
/// one was handed over since its owner was read, it is the new one who sees the row.
async fn hold_those<'a>(
    tx: &mut Tx,
    under: Under,
    changes: impl Iterator<Item = &'a Change>,
    corrected: &mut Seen,
) -> Result<()> {
    let told: HashMap<Uuid, &Change> = changes.map(|it| (it.id(), it)).collect();
    if told.is_empty() {
        return Ok(());
    }
    let held = Held { under, ids: told.keys().copied().collect() };
    let held: Vec<(Uuid, Vec<Uuid>)> = held.load(tx.conn()).await?;
    for (id, seen) in held {
        let other = told.get(&id).filter(|it| set(it.seen_by()) != set(&seen));
        if let Some(change) = other {
            corrected.insert((change.kind(), id), seen);
        }
    }
    Ok(())
}

fn set(ids: &[Uuid]) -> HashSet<Uuid> {
    ids.iter().copied().collect()
}

/// Who sees these rows now, with their customers locked. As a fragment of its own, because what
/// goes through `sql_query` is prepared anew each time.
struct Held {
    under: Under,
    ids: Vec<Uuid>,
}

impl Query for Held {
    type SqlType = (SqlUuid, Array<SqlUuid>);
}

impl diesel::RunQueryDsl<Conn> for Held {}

impl QueryId for Held {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Held {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let owner = if self.under.pool {
            "coalesce(c.owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"
        } else {
            "c.owner_id"
        };
        out.push_sql("select it.id, array_remove(it.others || ");
        out.push_sql(owner);
        out.push_sql(", null) from (");
        out.push_sql(self.under.rows);
        out.push_sql(") as it (id, version, hangs_on, others) ");
        out.push_sql("join customers c on c.id = it.hangs_on where it.id = any(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql(") order by c.id for share of c");
        Ok(())
    }
}
