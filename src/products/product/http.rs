//! The operations on products.

use actix_web::{delete, get, patch, post};
use auth::{Body, Can};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::HistoryPage;
use platform::{
    Db, IfMatch, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::ProductBatch;
use super::{NewProduct, Product, ProductChanges, ProductFilter, ProductPage};
use crate::{ImportProducts, ReadProducts, WriteProducts};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_products)
        .service(create_product)
        .service(import_products)
        .service(read_product)
        .service(update_product)
        .service(delete_product)
        .service(list_product_history);
}

/// List products
///
/// All of them, for everybody. `standard_cost` is null and named in `masked_fields` for roles that
/// have no need of it.
#[utoipa::path(
    tag = "products",
    params(ProductFilter, PageQuery),
    responses((status = 200, description = "A page of products", body = ProductPage), Problems),
)]
#[get("/products")]
async fn list_products(
    caller: Can<ReadProducts>,
    list: List<ProductFilter>,
    db: Db,
) -> Result<ProductPage> {
    Product::list(&mut *db.conn().await?, &caller, &list).await
}

/// Add a product
///
/// Its code is its own, and its price periods do not overlap. For the sales director and the back
/// office.
#[utoipa::path(
    tag = "products",
    request_body = NewProduct,
    responses((status = 201, description = "The new product", body = Product), Problems),
)]
#[post("/products")]
async fn create_product(
    caller: Can<WriteProducts>,
    new: Body<NewProduct>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Product::create(tx, &caller, &new).await).await
}

/// Bring products in step with an ERP
///
/// Creates the new products, changes those that differ, leaves the rest alone. Price periods do not
/// overlap: `overlap`.
#[utoipa::path(
    tag = "products",
    params(BatchQuery),
    request_body = ProductBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/products/batch")]
async fn import_products(
    caller: Can<ImportProducts>,
    batch: Batch<ProductBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&auth::import::<Product, _>(tx, &caller, &batch).await?))
        .await
}

/// Read a product
///
/// With its prices of all times. `standard_cost` is null and named in `masked_fields` for roles
/// that have no need of it.
#[utoipa::path(
    tag = "products",
    responses((status = 200, description = "The product", body = Product), Problems),
)]
#[get("/products/{id}")]
async fn read_product(
    caller: Can<ReadProducts>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Product>> {
    Ok(Tagged(Product::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a product
///
/// The prices are replaced whole and do not overlap. Orders keep the prices they were made with.
/// For the sales director and the back office.
#[utoipa::path(
    tag = "products",
    request_body(content = ProductChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The product", body = Product), Problems),
)]
#[patch("/products/{id}")]
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
/// Only one that nothing refers to, else 409 `still_referenced`: make it inactive instead. For the
/// sales director and the back office.
#[utoipa::path(
    tag = "products",
    responses((status = 204, description = "It is gone"), Problems),
)]
#[delete("/products/{id}")]
async fn delete_product(
    caller: Can<WriteProducts>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Product::delete(tx, &caller, *id, based_on).await).await
}

/// What happened to a product
///
/// Latest first. `standard_cost` is left out for roles that have no need of it.
#[utoipa::path(
    tag = "products",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/products/{id}/history")]
async fn list_product_history(
    caller: Can<ReadProducts>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    Product::history(&mut *db.conn().await?, &caller, *id, &list).await
}
