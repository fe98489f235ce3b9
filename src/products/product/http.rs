//! The operations on products.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::HistoryPage;
use platform::{
    Db, IfMatch, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Write,
};
use uuid::Uuid;

use super::batch::ProductBatch;
use super::{NewProduct, Product, ProductChanges, ProductFilter, ProductPage};
use crate::{ImportProducts, ReadProducts, WriteProducts};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_products,
        create_product,
        import_products,
        read_product,
        update_product,
        delete_product,
        list_product_history,
    );
}

access::list! {
    /// List products
    ///
    /// Returns all products. `standard_cost` is null and named in `masked_fields` for roles that cannot
    /// see costs.
    list_products: "/products", ReadProducts, Product by ProductFilter -> ProductPage,
    "A page of products"
}

/// Create a product
///
/// The code must be unique, and the price periods must not overlap.
#[utoipa::path(
    post, path = "/products",
    request_body = NewProduct,
    responses(
        (status = 201, description = "The new product", body = Product),
        (status = 403, description = "`foreign_source_system`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn create_product(
    caller: Can<WriteProducts>,
    new: Body<NewProduct>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Product::create(tx, &caller, &new).await).await
}

/// Import products from an ERP
///
/// Creates new products and updates those that differ. Price periods must not overlap.
#[utoipa::path(
    post, path = "/products/batch",
    params(BatchQuery),
    request_body = ProductBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_products(
    caller: Can<ImportProducts>,
    batch: Batch<ProductBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&intake::import::<Product, _>(tx, &caller, &batch).await?))
        .await
}

access::read! {
    /// Read a product
    ///
    /// Returns the product with its past, present and future prices. `standard_cost` is null and named
    /// in `masked_fields` for roles that cannot see costs.
    read_product: "/products/{id}", ReadProducts -> Product, "The product"
}

/// Update a product
///
/// The prices are replaced as a whole and must not overlap. Existing orders keep their prices.
#[utoipa::path(
    patch, path = "/products/{id}",
    request_body(content = ProductChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The product", body = Product),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn update_product(
    caller: Can<WriteProducts>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<ProductChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Product::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Delete a product
///
/// A product that is referenced elsewhere cannot be deleted (409 `still_referenced`). Set `active`
/// to `false` instead.
#[utoipa::path(
    delete, path = "/products/{id}",
    responses((status = 204, description = "Deleted"), Problems),
)]
async fn delete_product(
    caller: Can<WriteProducts>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Product::delete(tx, &caller, *id, based_on).await).await
}

/// List a product's history
///
/// Returns the changes of the product, latest first. Changes of `standard_cost` are left out for
/// roles that cannot see costs.
#[utoipa::path(
    get, path = "/products/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_product_history(
    caller: Can<ReadProducts>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    Product::history(&mut *db.conn().await?, &caller, *id, &list).await
}
