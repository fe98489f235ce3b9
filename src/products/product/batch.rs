//! Import of products from an ERP.

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, HasReferences, Imported, Keys, Unique};
use platform::batch::ItemKey;
use platform::characters::fold;
use platform::upsert::all_but;
use platform::{Conn, Fault, Result, Tx, batch};
use schema::products;
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

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = products::source_system.eq(keys.source_system).assume_not_null();
        let ids = products::external_id.eq_any(&keys.external_ids).assume_not_null();
        let rows = products::table.filter(caller.sees::<Product>());
        let rows = rows.filter(known.and(ids).or(products::id.eq_any(&keys.ids)));
        let rows = rows.order(products::id).select(Self::as_select()).for_no_key_update();
        Ok(rows.load(conn).await?)
    }

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
        for drafts in drafts.chunks(1000) {
            let rows = drafts.iter().map(|draft| (&draft.after, found_by(&draft.after)));
            diesel::insert_into(products::table)
                .values(rows.collect::<Vec<_>>())
                .on_conflict(products::id)
                .do_update()
                .set(all_but::<products::table>(&["id", "created_at", "code_key"]))
                .execute(tx.conn())
                .await
                .map_err(refused)?;
        }
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}
