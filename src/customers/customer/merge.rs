//! Two customers that turn out to be one (S21). The loser stays, with what it has become.

use auth::{Body, Caller, Reference, Refers};
use platform::{Error, Fault, IfSent, Result, Tx};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Customer;
use super::lookup::find_unfollowed;
use crate::{contact, hooks, transfer};

/// Which customer becomes a part of this one
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "loser_id": "0198c0de-0000-7000-8000-000000000001" }))]
pub struct Merge {
    loser_id: Uuid,
}

impl Refers for Merge {
    const REFERENCES: &'static [Reference] =
        &[Reference { at: "loser", of: "customer", find: find_unfollowed }];
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
            let fault = Fault::new("/loser_id", "same_customer", "a customer and itself are one");
            return Err(Error::invalid(vec![fault]));
        }
        // In the order of ids, so that two merges the other way round cannot block each other.
        let first = Self::find_for_update(tx, caller, id.min(loser_id)).await?;
        let second = Self::find_for_update(tx, caller, id.max(loser_id)).await?;
        let (winner, loser) = if first.id == id { (first, second) } else { (second, first) };
        based_on.check(&winner)?;
        winner.check_open()?;
        loser.check_open()?;
        contact::follow(tx, &winner, &loser).await?;
        transfer::forget(tx, loser.id).await?;
        hooks::merged(tx, &winner, &loser).await?;
        let merged = Self { merged_into_id: Some(winner.id), ..loser.clone() };
        loser.save(tx, merged).await?;
        Ok(winner)
    }
}
