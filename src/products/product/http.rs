//! The operations on products.

use access::Can;
use intake::Body;
use platform::changes::HistoryPage;
use platform::{Db, List, NoFilter, PageQuery, Path, Problems, Result, Routes};
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

access::create! {
    /// Create a product
    ///
    /// The code must be unique, and the price periods must not overlap.
    create_product: "/products", WriteProducts, Body<NewProduct> -> Product, "The new product",
    403: "`foreign_source_system`",
    409: "`duplicate`"
}

intake::import! {
    /// Import products from an ERP
    ///
    /// Creates new products and updates those that differ. Price periods must not overlap.
    import_products: "/products/batch", ImportProducts, Product from ProductBatch
}

access::read! {
    /// Read a product
    ///
    /// Returns the product with its past, present and future prices. `standard_cost` is null and named
    /// in `masked_fields` for roles that cannot see costs.
    read_product: "/products/{id}", ReadProducts -> Product, "The product"
}

access::update! {
    /// Update a product
    ///
    /// The prices are replaced as a whole and must not overlap. Existing orders keep their prices.
    update_product: "/products/{id}", WriteProducts, Body<ProductChanges> -> Product, "The product",
    409: "`duplicate`"
}

access::delete! {
    /// Delete a product
    ///
    /// A product that is referenced elsewhere cannot be deleted (409 `still_referenced`). Set `active`
    /// to `false` instead.
    delete_product: "/products/{id}", WriteProducts, Product, "Deleted"
}

/// List the history of a product
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
