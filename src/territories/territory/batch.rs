//! Import of territories from an ERP.

use std::collections::HashMap;

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Unique};
use platform::batch::ItemKey;
use platform::characters::fold;
use platform::{Fault, Result, Tx, batch};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{find_territories, lock_tree, parents, refused};
use super::{REFERENCES, Territory, TerritoryChanges};

/// A territory as its ERP reports it. Absent fields keep their value, `null` clears.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TerritoryItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    changes: TerritoryChanges,
}

intake::references! { TerritoryItem: REFERENCES }

batch! {
    /// Territories of one source system, in any sequence
    TerritoryBatch of TerritoryItem
}

impl Imported for Territory {
    type Item = TerritoryItem;
    /// The parent of every territory after the batch
    type Context = HashMap<Uuid, Option<Uuid>>;

    const FIND: Find = find_territories;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/code",
        of: |territory| territory.code.as_deref().map(fold),
        holders: "select id, code_key as value from territories where code_key = any($1)",
        release: "update territories set code = null where id = any($1)",
    }];

    intake::stored! { territories }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Self::Context> {
        lock_tree(tx).await?;
        let mut above: HashMap<_, _> = parents(tx).await?.into_iter().collect();
        for arrival in arrivals {
            if let Some(parent) = arrival.item.changes.details.parent_id {
                above.insert(arrival.id, parent);
            }
        }
        Ok(above)
    }

    fn drafted(arrival: &Arrival<Self>, above: &Self::Context) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, .. } = arrival;
        let mut after = match before {
            Some(before) => before.with(&item.changes),
            None => Self::blank(*id, *now).with(&item.changes),
        };
        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(item.key.external_id.clone());
        let mut faults = after.faults();

        if before.as_ref().is_none_or(|before| before.holders != after.holders) {
            faults.extend(after.repeats());
        }

        // Walk up the tree as it will be after the batch; more steps than territories mean a cycle.
        let (mut at, mut steps) = (after.parent_id, 0);
        while let Some(parent) = at {
            steps += 1;
            if parent == after.id || steps > above.len() {
                let why = "a territory cannot be inside itself";
                faults.push(Fault::new("/parent_id", "cycle", why));
                break;
            }
            at = above.get(&parent).copied().flatten();
        }

        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, territories, drafts, |draft| &draft.after,
            keeping ["id", "created_at", "code_key"], refused
        );
        Ok(())
    }

    fn parent(&self) -> Option<Uuid> {
        self.parent_id
    }
}
