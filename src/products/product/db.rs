//! Queries on products. Every user can see them.

use std::collections::HashMap;

use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, external_id::key_of, parameters};
use platform::changes::{self, HistoryPage};
use platform::characters::fold;
use platform::search::{self, TextMatch};
use platform::{Change, Conn, Error, IfMatch, List, NoFilter, Resource, Result, Timestamp, Tx};
use schema::products;
use uuid::Uuid;

use super::{COSTS, NewProduct, Product, ProductChanges, ProductFilter, ProductPage, ProductSort};
use crate::ReadCosts;

intake::names! {
    /// Names of products.
    name_products in products, sees Product, code, name
}

intake::find! {
    /// Lookup of references to products.
    find_products in products, sees Product
}

/// Loads these products unmasked, for computing with their prices and costs. The caller must not
/// show them to users.
pub async fn load(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Product>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = Product::query().filter(products::id.eq_any(&ids));
    let rows: Vec<Product> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|product| (product.id, product)).collect())
}

fn matching<'a>(caller: &'a Caller, filter: &'a ProductFilter) -> products::BoxedQuery<'a, Pg> {
    let mut query = products::table.filter(caller.sees::<Product>()).into_boxed();
    platform::filter_by!(
        query,
        products::category.eq(&filter.category),
        products::subcategory.eq(&filter.subcategory),
        products::active.eq(filter.active),
    );
    if let Some(code) = &filter.code {
        query = query.filter(products::code_key.eq(fold(code)));
    }
    if let Some(text) = &filter.q {
        query = query.filter(TextMatch::new(text, "products.search", None));
    }
    query
}

type FoundBy = diesel::dsl::Eq<products::search, String>;

/// The search text of a product.
pub fn found_by(product: &Product) -> FoundBy {
    products::search.eq(search::text(&product.name, &[&product.code], None))
}

/// Job: fills in missing search texts after an upgrade.
pub async fn write_search_texts(tx: &mut Tx) -> Result<u64> {
    let due = products::table
        .filter(products::search.is_null())
        .order(products::id)
        .limit(search::AT_A_TIME);
    let due = due.select(Product::as_select()).for_update().skip_locked();

    let due: Vec<Product> = due.load(tx.conn()).await?;

    for product in &due {
        let update = diesel::update(products::table.find(product.id)).set(found_by(product));
        update.execute(tx.conn()).await?;
    }

    Ok(due.len() as u64)
}

impl Product {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<ProductFilter>,
    ) -> Result<ProductPage> {
        use products::{code, created_at, id, name, name_pinyin};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, products::updated_at));

        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let show =
            |rows: Vec<Self>| rows.into_iter().map(|product| product.shown_to(caller)).collect();

        match filter.sort.unwrap_or(ProductSort::Name) {
            ProductSort::Name => {
                let rows = query.filter(list.after::<String, _, _>(name, id)?).order((name, id));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(show(rows), total, |product: &Self| (product.name.clone(), product.id))
            }
            ProductSort::Pinyin => {
                let after = list.after::<String, _, _>(name_pinyin, id)?;
                let rows = query.filter(after).order((name_pinyin, id));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(show(rows), total, |product: &Self| {
                    (product.name_pinyin.clone(), product.id)
                })
            }
            ProductSort::Code => {
                let rows = query.filter(list.after::<String, _, _>(code, id)?).order((code, id));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(show(rows), total, |product: &Self| (product.code.clone(), product.id))
            }
            ProductSort::NewestFirst => {
                let rows = query
                    .filter(list.before::<Timestamp, _, _>(created_at, id)?)
                    .order((created_at.desc(), id.desc()));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(show(rows), total, |product: &Self| (product.created_at, product.id))
            }
        }
    }

    pub async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = Self::query().filter(caller.sees::<Product>()).filter(products::id.eq(id));
        let product: Self = row.first(conn).await?;
        Ok(product.shown_to(caller))
    }

    pub async fn history(
        conn: &mut Conn,
        caller: &Caller,
        id: Uuid,
        list: &List<NoFilter>,
    ) -> Result<HistoryPage> {
        let product = Self::find(conn, caller, id).await?;
        let history = changes::history(conn, &product, list).await?;
        Ok(if caller.may::<ReadCosts>() { history } else { history.without(COSTS) })
    }

    access::rows! { products: fn find_for_update }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewProduct>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;

        let product = Self {
            code: new.code.clone(),
            source_system,
            external_id,
            ..Self::blank(Uuid::now_v7(), tx.now).called(&new.name)
        }
        .detailed(&new.details);

        product.check()?;
        let row = (&product, found_by(&product));
        let insert = diesel::insert_into(products::table).values(row);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&product)).await?;
        Ok(product)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<ProductChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let changes = changes.resolve(tx.conn(), caller).await?;
        let after = before.next(before.with(&changes), tx.now);

        if after != before {
            after.check()?;
            let row = (&after, found_by(&after));
            let update = diesel::update(products::table.find(id)).set(row);
            update.execute(tx.conn()).await.map_err(refused)?;
            tx.record(Change::updated(&before, &after)).await?;
        }
        Ok(after)
    }

    pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, &[]).await?;
        diesel::delete(products::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await
    }
}

pub fn refused(error: diesel::result::Error) -> Error {
    Error::from(error).on_constraint("products_code_key", "/code", "duplicate").on_constraint(
        "products_external_id_key",
        "/external_id",
        "duplicate",
    )
}
