//! Import of products from an ERP.

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, HasReferences, Imported, Unique};
use platform::batch::ItemKey;
use platform::characters::fold;
use platform::{Fault, Result, Tx, batch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::db::{find_products, found_by, refused};
use super::{Product, ProductChanges};

/// A product as its ERP reports it. Absent fields keep their value, `null` clears. A new product
/// needs `code` and `name`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ProductItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    changes: ProductChanges,
}

impl HasReferences for ProductItem {}

batch! {
    /// Products of one source system, in any sequence
    ProductBatch of ProductItem
}

impl Imported for Product {
    type Item = ProductItem;
    type Context = ();

    const FIND: Find = find_products;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/code",
        of: |product| Some(fold(&product.code)),
        holders: "select id, code_key as value from products where code_key = any($1)",
        release: "update products set code = id::text where id = any($1)",
    }];

    intake::stored! { products }

    async fn context(_: &mut Tx, _: &Caller, _: &[Arrival<Self>]) -> Result<()> {
        Ok(())
    }

    fn drafted(arrival: &Arrival<Self>, (): &()) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, .. } = arrival;
        let mut after = match before {
            Some(before) => before.with(&item.changes),
            None => Self::blank(*id, *now).with(&item.changes),
        };
        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(item.key.external_id.clone());

        let mut faults = after.faults();
        if before.as_ref().is_none_or(|before| before.prices != after.prices) {
            faults.extend(after.overlaps());
        }

        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, products, drafts, |draft| (&draft.after, found_by(&draft.after)),
            keeping ["id", "created_at", "code_key"], refused
        );
        Ok(())
    }
}
