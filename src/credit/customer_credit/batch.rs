//! The import of credit limits from an ERP, by the external ids of the customers.

use std::collections::HashMap;

use access::Caller;
use company::Company;
use company::setting::Settings;
use customers::customer::{find_customers, find_unfollowed};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::{BoxFuture, Find, Found, Wanted};
use intake::{Arrival, Draft, HasReferences, Imported, Keys};
use platform::batch::{Batch, ItemKey, Outcomes};
use platform::{Conn, Error, Fault, Money, Result, Tx, batch};
use schema::customer_credits;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CreditChanges, CustomerCredit, lock_rows};
use crate::credit_investigation;

/// The credit of a customer from an ERP: `external_id` is that of the customer. Absent fields stay
/// unchanged, `null` clears a field.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "external_id": "C-1001", "credit_limit": "50000.00" }))]
pub struct CustomerCreditItem {
    #[serde(flatten)]
    #[expect(dead_code, reason = "the document and the check of items know it")]
    key: ItemKey,
    #[serde(flatten)]
    changes: CreditChanges,
}

impl HasReferences for CustomerCreditItem {}

batch! {
    /// Credits of customers of one source system, in any order.
    CustomerCreditBatch of CustomerCreditItem
}

/// The data that all items of a batch are checked against, read once.
pub struct Context {
    caller: Caller,
    settings: Settings,
    recommended: HashMap<Uuid, Money>,
}

impl CustomerCredit {
    pub(super) async fn import(
        tx: &mut Tx,
        caller: &Caller,
        batch: &Batch<CustomerCreditBatch>,
    ) -> Result<Outcomes> {
        if batch.park {
            let why = "not available for credits: send their customers first";
            let fault = Fault::new("/unknown_references", "not_available", why);
            return Err(Error::invalid(vec![fault]));
        }
        intake::import::<Self, _>(tx, caller, batch).await
    }

    async fn locked_rows(conn: &mut Conn, customers: &[Uuid]) -> Result<Vec<Self>> {
        lock_rows(conn, customers).await?;
        let rows = Self::query().filter(customer_credits::id.eq_any(customers));
        Ok(rows.order(customer_credits::id).load(conn).await?)
    }

    /// Returns all faults of the changes.
    fn refusals(&self, before: &Self, context: &Context) -> Vec<Fault> {
        let mut faults = self.faults();
        if self.customer_owner_id == Some(context.caller.id()) {
            let why = "the customer is your own; another user must change its credit";
            faults.push(Fault::new("/external_id", "self_approval", why));
        }
        if let Some(limit) = self.new_limit(before, &context.settings)
            && let Some(recommended) = context.recommended.get(&self.id)
            && let Err(error) =
                credit_investigation::check_recommended(&context.caller, limit, *recommended)
        {
            let problem = error.problem();
            let why = problem.detail.unwrap_or(problem.title);
            faults.push(Fault::new("/credit_limit", problem.code, why));
        }
        faults
    }
}

/// Finds references to credits, by their visible customers.
fn find_credits<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async move {
        let customers = find_customers(conn, caller, wanted).await?;
        let named = |id: &Uuid| Some((*id, customers.row(id)?.0));
        let named: Vec<(Uuid, Uuid)> = wanted.ids.iter().filter_map(named).collect();
        let rows = customer_credits::table
            .filter(customer_credits::id.eq_any(named.iter().map(|pair| pair.1)))
            .select((customer_credits::id, customer_credits::version));
        let versions: HashMap<Uuid, i64> = rows.load(conn).await?.into_iter().collect();

        let mut found = Found::default();
        for (id, customer) in named {
            if let Some(version) = versions.get(&customer) {
                found.merged((id, *version, None, None), (customer, *version));
            }
        }
        Ok(found)
    })
}

impl Imported for CustomerCredit {
    type Item = CustomerCreditItem;
    type Context = Context;

    const FIND: Find = find_credits;

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let named = |id: &&str| (keys.source_system.to_owned(), (*id).to_owned());
        let wanted =
            Wanted { external: keys.external_ids.iter().map(named).collect(), ..Wanted::default() };
        let found = find_unfollowed(conn, caller, &wanted).await?;
        let customers: Vec<Uuid> =
            wanted.external.iter().filter_map(|name| found.named(name)).collect();
        Self::locked_rows(conn, &customers).await
    }

    async fn merged_into(
        tx: &mut Tx,
        caller: &Caller,
        rows: &[Self],
    ) -> Result<HashMap<Uuid, Self>> {
        let wanted = Wanted { ids: rows.iter().map(|row| row.id).collect(), ..Wanted::default() };
        let found = find_customers(tx.conn(), caller, &wanted).await?;
        let winner = |id: &Uuid| Some((*id, found.row(id)?.0));
        let merged: HashMap<Uuid, Uuid> =
            wanted.ids.iter().filter_map(winner).filter(|(id, winner)| id != winner).collect();
        let winners: Vec<Uuid> = merged.values().copied().collect();
        let credits = Self::locked_rows(tx.conn(), &winners).await?;
        let credits: HashMap<Uuid, Self> = credits.into_iter().map(|row| (row.id, row)).collect();
        Ok(merged
            .into_iter()
            .filter_map(|(id, to)| Some((id, credits.get(&to)?.clone())))
            .collect())
    }

    async fn context(tx: &mut Tx, caller: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let customers: Vec<Uuid> = arrivals.iter().map(|arrival| arrival.id).collect();
        let today = tx.today;
        let settings = Company::load(tx.conn()).await?.settings.0;
        let recommended = credit_investigation::recommended(tx.conn(), &customers, today).await?;
        Ok(Context { caller: caller.clone(), settings, recommended })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let Some(before) = &arrival.before else {
            return Err(vec![Fault::unknown_reference("/external_id")]);
        };
        let after = before.with(&arrival.item.changes);
        let faults = after.refusals(before, context);
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, customer_credits, drafts, |draft| &draft.after,
            keeping ["id", "hold", "hold_reason", "created_at"], Error::from
        );
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.customer_external_id.as_deref()
    }
}
