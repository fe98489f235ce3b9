//! Handlers that are the same for every resource.

/// Declares the handler that reads one row with `find(conn, caller, id)`.
///
/// ```text
/// access::read! {
///     /// Retrieve an order
///     read_order: "/orders/{id}", ReadOrders -> Order, "The order"
/// }
/// ```
#[macro_export]
macro_rules! read {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident -> $row:ident, $description:literal
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            get, path = $path,
            responses((status = 200, description = $description, body = $row), platform::Problems),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            id: platform::Path<uuid::Uuid>,
            db: platform::Db,
        ) -> platform::Result<platform::Tagged<$row>> {
            Ok(platform::Tagged($row::find(&mut *db.conn().await?, &caller, *id).await?))
        }
    };
}

/// Declares the handler that lists rows with `list(conn, caller, list)`.
///
/// ```text
/// access::list! {
///     /// List orders
///     list_orders: "/orders", ReadOrders, Order by OrderFilter -> OrderPage, "A page of orders"
/// }
/// ```
#[macro_export]
macro_rules! list {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident, $row:ident by $filter:ident -> $page:ident,
        $description:literal
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            get, path = $path,
            params($filter, platform::PageQuery),
            responses((status = 200, description = $description, body = $page), platform::Problems),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            list: platform::List<$filter>,
            db: platform::Db,
        ) -> platform::Result<$page> {
            $row::list(&mut *db.conn().await?, &caller, &list).await
        }
    };
}

/// Declares the handler that lists the changes of one row, the latest first.
///
/// ```text
/// access::history! {
///     /// List an order's history
///     list_order_history: "/orders/{id}/history", ReadOrders, Order
/// }
/// ```
#[macro_export]
macro_rules! history {
    ($(#[$doc:meta])+ $name:ident: $path:literal, $permission:ident, $row:ident) => {
        $(#[$doc])+
        #[utoipa::path(
            get, path = $path,
            params(platform::PageQuery),
            responses(
                (status = 200, description = "A page of changes", body = platform::changes::HistoryPage),
                platform::Problems,
            ),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            id: platform::Path<uuid::Uuid>,
            list: platform::List<platform::NoFilter>,
            db: platform::Db,
        ) -> platform::Result<platform::changes::HistoryPage> {
            let mut conn = db.conn().await?;
            let row = $row::find(&mut conn, &caller, *id).await?;
            platform::changes::history(&mut conn, &row, &list).await
        }
    };
}
