//! Merges of duplicate customers, and their reversal. The loser remains as a row that points to the
//! winner.

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, Reference};
use jiff::SignedDuration;
use platform::{Change, Error, Fault, IfSent, Resource, Result, Timestamp, Tx};
use schema::{customer_merges, customers};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Customer;
use super::lookup::find_unfollowed;
use crate::hooks::{self, Move};
use crate::{contact, transfer};

/// The time in which a merge can be undone.
const UNDOABLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A merge of another customer into this one
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "loser_id": "0198c0de-0000-7000-8000-000000000001" }))]
pub struct Merge {
    /// The customer that becomes a part of this one
    loser_id: Uuid,
}

intake::references! {
    Merge: &[Reference { at: "loser", of: "customer", find: find_unfollowed }];
}

/// A record of a merge with the rows that it moved.
#[derive(Debug, HasQuery, Insertable)]
#[diesel(table_name = customer_merges)]
struct CustomerMerge {
    id: Uuid,
    winner_id: Uuid,
    loser_id: Uuid,
    moved: Vec<Uuid>,
    primary_contact_id: Option<Uuid>,
    merged_at: Timestamp,
}

impl Customer {
    pub async fn merge(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        merge: &Body<Merge>,
    ) -> Result<Self> {
        let Merge { loser_id } = merge.resolve(tx.conn(), caller).await?;
        if loser_id == id {
            let fault = Fault::new("/loser_id", "same_customer", "must be another customer");
            return Err(Error::invalid(vec![fault]));
        }
        let (winner, loser) = Self::both(tx, caller, id, loser_id).await?;
        based_on.check(tx, &winner).await?;
        winner.check_open()?;
        loser.check_open()?;

        let primary = contact::primaries(tx.conn(), &[loser.id]).await?;
        let rows = Move::merge(&winner, &loser);
        let mut moved = contact::follow(tx, &rows, None).await?;
        transfer::forget(tx, loser.id).await?;
        moved.extend(hooks::moved(tx, &rows).await?);

        let merge = CustomerMerge {
            id: Uuid::now_v7(),
            winner_id: winner.id,
            loser_id: loser.id,
            moved,
            primary_contact_id: primary.get(&loser.id).copied(),
            merged_at: tx.now,
        };
        let insert = diesel::insert_into(customer_merges::table).values(merge);
        insert.execute(tx.conn()).await?;
        let merged = Self { merged_into_id: Some(winner.id), ..loser.clone() };
        loser.save(tx, merged).await?;
        winner.note(tx, None, Some(loser.id)).await
    }

    /// Undoes the merge of this customer into another or, for a winner, the latest merge into it.
    /// Rows that were added to the winner since stay there.
    pub async fn unmerge(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfSent) -> Result<Self> {
        let merges = CustomerMerge::query().filter(customer_merges::undone_at.is_null());
        let merges = merges.order(customer_merges::merged_at.desc());
        let customer = Self::find(tx.conn(), caller, id).await?;
        let latest = match customer.merged_into_id {
            Some(_) => merges.filter(customer_merges::loser_id.eq(id)).first(tx.conn()).await,
            None => merges.filter(customer_merges::winner_id.eq(id)).first(tx.conn()).await,
        };
        Self::undo(tx, caller, latest.optional()?, id, based_on).await
    }

    async fn undo(
        tx: &mut Tx,
        caller: &Caller,
        merge: Option<CustomerMerge>,
        id: Uuid,
        based_on: IfSent,
    ) -> Result<Self> {
        let missing =
            || Error::conflict("not_merged", "The customer has no merge that can be undone.");
        let merge = merge.ok_or_else(missing)?;
        let (winner, loser) = Self::both(tx, caller, merge.winner_id, merge.loser_id).await?;
        based_on.check(tx, if id == loser.id { &loser } else { &winner }).await?;
        if loser.merged_into_id != Some(winner.id) {
            return Err(missing());
        }
        winner.check_open()?;
        if tx.now.0 > merge.merged_at.0 + UNDOABLE {
            let detail = "A merge can be undone only within 30 days.";
            return Err(Error::conflict("merge_final", detail));
        }

        // The loser comes first, because changes are recorded only for rows of customers that are
        // not merged.
        let separate = loser.save(tx, Self { merged_into_id: None, ..loser.clone() }).await?;
        let rows = Move::back(&winner, &separate, &merge.moved);
        contact::follow(tx, &rows, merge.primary_contact_id).await?;
        hooks::moved(tx, &rows).await?;
        transfer::restore(tx, loser.id, merge.merged_at).await?;

        let undone = customer_merges::undone_at.eq(Some(tx.now));
        let row = diesel::update(customer_merges::table.find(merge.id)).set(undone);
        row.execute(tx.conn()).await?;
        let winner = winner.note(tx, Some(loser.id), None).await?;
        Ok(if id == loser.id { separate } else { winner })
    }

    /// Returns both customers, locked in the order of ids, so that two merges in opposite
    /// directions cannot deadlock.
    async fn both(tx: &mut Tx, caller: &Caller, one: Uuid, other: Uuid) -> Result<(Self, Self)> {
        let first = Self::find_for_update(tx, caller, one.min(other)).await?;
        let second = Self::find_for_update(tx, caller, one.max(other)).await?;
        Ok(if first.id == one { (first, second) } else { (second, first) })
    }

    /// Records in the winner's history which customer was merged into it or separated from it.
    async fn note(&self, tx: &mut Tx, from: Option<Uuid>, to: Option<Uuid>) -> Result<Self> {
        let mut after = self.clone();
        after.stamp(self.version + 1, tx.now);
        let columns =
            (customers::version.eq(after.version), customers::updated_at.eq(after.updated_at));
        diesel::update(customers::table.find(self.id)).set(columns).execute(tx.conn()).await?;
        let change = Change::updated(self, &after)?;
        tx.record(change.with("merged_customer_id", &json!(from), &json!(to))).await?;
        Ok(after)
    }
}
