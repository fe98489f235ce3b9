//! Statistics of tables that were filled at once. Without them the planner takes a new table for a
//! small one, and a report over a bulk load runs until its limit.

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::LocalBoxFuture;

use super::error::Result;
use super::write::Tx;

/// Tables of this user of which a quarter or more has changed since the last `ANALYZE`. PostgreSQL
/// counts the changes of all batches and imports, whoever made them; its autovacuum would look at
/// them after a minute, when its workers have time.
const FILLED: &str = "
    select format('%I.%I', known.schemaname, known.relname) as name
    from pg_stat_user_tables as known join pg_class on pg_class.oid = known.relid
    where n_mod_since_analyze > 5000 and n_mod_since_analyze * 4 > n_live_tup
        and pg_has_role(relowner, 'USAGE')
    order by n_mod_since_analyze desc
    limit 4";

/// Analyses the tables that have grown most, a few in one run: for a job. Readers and writers go
/// on meanwhile; only another `ANALYZE` of the same table waits. Returns how many there were.
pub fn refresh(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    Box::pin(async move {
        let filled: Vec<Table> = diesel::sql_query(FILLED).load(tx.conn()).await?;
        // Longer than other statements: a large table takes its time, and is the one that matters.
        tx.conn().batch_execute("set local statement_timeout = '25s'").await?;
        for table in &filled {
            let analyze = format!("analyze {}", table.name);
            let done = tx.attempt(async |tx| Ok(tx.conn().batch_execute(&analyze).await?)).await;
            if let Err(error) = done {
                tracing::warn!(table = table.name, %error, "a table could not be analysed");
            }
        }
        Ok(filled.len() as u64)
    })
}

#[derive(diesel::QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}
