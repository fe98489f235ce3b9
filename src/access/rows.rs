//! Functions that are the same for every table.

/// Writes `find`, `find_for_update` and `save` of a resource, those that are named, within its `impl`:
///
/// ```text
/// access::rows! { orders: pub fn find, fn find_for_update, pub(super) fn save(refused) }
/// ```
///
/// `refused` turns an error of the database into one that names the field at fault.
#[macro_export]
macro_rules! rows {
    ($table:ident: $($vis:vis fn $function:ident $(($refused:path))?),+) => {
        $($crate::rows!(@$function $table, $vis $(, $refused)?);)+
    };
    (@find $table:ident, $vis:vis) => {
        /// Returns the row if the caller sees it.
        $vis async fn find(
            conn: &mut platform::Conn,
            caller: &$crate::Caller,
            id: uuid::Uuid,
        ) -> platform::Result<Self> {
            use diesel::{ExpressionMethods, QueryDsl};
            use diesel_async::RunQueryDsl;
            let row = Self::query().filter(caller.sees::<Self>()).filter($table::id.eq(id));
            Ok(row.first(conn).await?)
        }
    };
    (@find_for_update $table:ident, $vis:vis) => {
        /// Returns the row if the caller sees it, locked until the end of the transaction.
        $vis async fn find_for_update(
            tx: &mut platform::Tx,
            caller: &$crate::Caller,
            id: uuid::Uuid,
        ) -> platform::Result<Self> {
            use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
            use diesel_async::RunQueryDsl;
            let row = $table::table.filter(caller.sees::<Self>()).filter($table::id.eq(id));
            Ok(row.select(Self::as_select()).for_update().first(tx.conn()).await?)
        }
    };
    (@save $table:ident, $vis:vis $(, $refused:path)?) => {
        /// Stores the row as `after` with its change. Writes nothing if nothing differs.
        $vis async fn save(&self, tx: &mut platform::Tx, after: Self) -> platform::Result<Self> {
            use diesel::QueryDsl;
            use diesel_async::RunQueryDsl;
            use platform::Resource;
            let after = self.next(after, tx.now);
            if after != *self {
                let update = diesel::update($table::table.find(self.id)).set(&after);
                update.execute(tx.conn()).await$(.map_err($refused))??;
                tx.record(platform::Change::updated(self, &after)).await?;
            }
            Ok(after)
        }
    };
}
