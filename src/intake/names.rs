//! Names of rows: the names, codes and numbers that `expand` adds to the id of a related row.

use access::Caller;
use futures_util::future::BoxFuture;
use platform::{Conn, Result};
use uuid::Uuid;

/// A lookup of names: returns the names of those of the given rows that the caller sees, with one
/// statement.
pub type Names =
    for<'a> fn(&'a mut Conn, &'a Caller, &'a [Uuid]) -> BoxFuture<'a, Result<Vec<Name>>>;

/// The id of a row with its code, number or name, depending on its type.
#[derive(Debug, Clone)]
pub struct Name {
    pub id: Uuid,
    pub parts: Vec<(&'static str, Option<String>)>,
}

/// Declares the lookup of a table's names from the table, the type of its rows, and the columns, such
/// as `names! { name_orders in orders, sees Order, number }`. Instead of `sees`, a function of the
/// caller may make the query.
#[macro_export]
macro_rules! names {
    ($(#[$meta:meta])* $name:ident in $table:ident, sees $row:ty, $($column:ident),+) => {
        $crate::names! {
            $(#[$meta])* $name in $table,
            |caller: &'a access::Caller| $table::table.filter(caller.sees::<$row>()), $($column),+
        }
    };
    ($(#[$meta:meta])* $name:ident in $table:ident, $visible:expr, $($column:ident),+) => {
        $(#[$meta])*
        pub fn $name<'a>(
            conn: &'a mut platform::Conn,
            caller: &'a access::Caller,
            ids: &'a [uuid::Uuid],
        ) -> $crate::reference::BoxFuture<'a, platform::Result<Vec<$crate::names::Name>>> {
            Box::pin(async move {
                use diesel::prelude::{ExpressionMethods, NullableExpressionMethods, QueryDsl};
                use diesel_async::RunQueryDsl;
                let rows = $visible(caller).filter($table::id.eq_any(ids));
                let rows = rows.select(($table::id, $($table::$column.nullable()),+));
                let rows: Vec<(uuid::Uuid, $($crate::names!(@text $column)),+)> =
                    RunQueryDsl::load(rows, conn).await?;
                let name = |(id, $($column),+)| {
                    let parts = vec![$((stringify!($column), $column)),+];
                    $crate::names::Name { id, parts }
                };
                Ok(rows.into_iter().map(name).collect())
            })
        }
    };
    (@text $column:ident) => { Option<String> };
}
