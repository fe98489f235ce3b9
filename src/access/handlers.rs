//! Handlers that are the same for every resource, one macro for each.
//!
//! Each macro names the path, the permission, and the types of the request and the answer. Codes that
//! neither the arguments nor the text bring into the document follow with their status. A handler that
//! differs in any other way is written out.

/// Declares the handler that reads one row with `find(conn, caller, id)`.
///
/// ```text
/// access::read! {
///     /// Read an order
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
///     /// List the history of an order
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

/// Declares the handler that creates a row with `create(tx, caller, new)`.
///
/// ```text
/// access::create! {
///     /// Create an order
///     create_order: "/orders", WriteOrders, Body<NewOrder> -> Order, "The new order",
///     409: "`duplicate`"
/// }
/// ```
#[macro_export]
macro_rules! create {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident, $body:ident<$new:ident> -> $row:ident,
        $description:literal $(, $status:tt: $codes:literal)*
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            post, path = $path,
            request_body = $new,
            responses(
                (status = 201, description = $description, body = $row),
                $((status = $status, description = $codes),)*
                platform::Problems,
            ),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            new: $body<$new>,
            write: platform::Write,
        ) -> platform::Result<platform::Reply> {
            write.create(async move |tx| $row::create(tx, &caller, &new).await).await
        }
    };
}

/// Declares the handler that changes a row with `update(tx, caller, id, based_on, changes)`.
///
/// ```text
/// access::update! {
///     /// Update an order
///     update_order: "/orders/{id}", WriteOrders, Body<OrderChanges> -> Order, "The order"
/// }
/// ```
#[macro_export]
macro_rules! update {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident, $body:ident<$changes:ident> -> $row:ident,
        $description:literal $(, $status:tt: $codes:literal)*
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            patch, path = $path,
            request_body(content = $changes, content_type = "application/merge-patch+json"),
            responses(
                (status = 200, description = $description, body = $row),
                $((status = $status, description = $codes),)*
                platform::Problems,
            ),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            id: platform::Path<uuid::Uuid>,
            based_on: platform::IfMatch,
            changes: $body<$changes>,
            write: platform::Write,
        ) -> platform::Result<platform::Reply> {
            write
                .update(async move |tx| $row::update(tx, &caller, *id, based_on, &changes).await)
                .await
        }
    };
}

/// Declares the handler that deletes a row with `delete(tx, caller, id, based_on)`.
///
/// ```text
/// access::delete! {
///     /// Delete a contact
///     delete_contact: "/contacts/{id}", WriteContacts, Contact, "The contact is deleted"
/// }
/// ```
#[macro_export]
macro_rules! delete {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident, $row:ident, $description:literal
        $(, $status:tt: $codes:literal)*
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            delete, path = $path,
            responses(
                (status = 204, description = $description),
                $((status = $status, description = $codes),)*
                platform::Problems,
            ),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            id: platform::Path<uuid::Uuid>,
            based_on: platform::IfMatch,
            write: platform::Write,
        ) -> platform::Result<platform::Reply> {
            write.delete(async move |tx| $row::delete(tx, &caller, *id, based_on).await).await
        }
    };
}

/// Declares the handler of an action on a row, with or without a request body. The named function
/// gets `tx, caller, id, based_on` before its own arguments.
///
/// ```text
/// access::action! {
///     /// Submit an order
///     submit_order: "/orders/{id}/submit", WriteOrders -> Order by act(Action::Submit, None),
///     "The order", 409: "`wrong_status`"
/// }
/// access::action! {
///     /// Cancel an invoice
///     cancel_invoice: "/invoices/{id}/cancel", WriteInvoices, why: Json<Reason> -> Invoice by cancel(&why),
///     "The invoice"
/// }
/// ```
#[macro_export]
macro_rules! action {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident $(, $body:ident: $extractor:ident<$request:ident>)?
        -> $row:ident by $function:ident($($argument:expr),*),
        $description:literal $(, $status:tt: $codes:literal)*
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            post, path = $path,
            $(request_body = $request,)?
            responses(
                (status = 200, description = $description, body = $row),
                $((status = $status, description = $codes),)*
                platform::Problems,
            ),
        )]
        async fn $name(
            caller: $crate::Can<$permission>,
            id: platform::Path<uuid::Uuid>,
            based_on: platform::IfSent,
            $($body: $extractor<$request>,)?
            write: platform::Write,
        ) -> platform::Result<platform::Reply> {
            write
                .update(async move |tx| {
                    $row::$function(tx, &caller, *id, based_on, $($argument),*).await
                })
                .await
        }
    };
}
