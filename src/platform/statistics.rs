//! Planner statistics of tables that have grown fast. Without them the planner takes a table that
//! was just filled for a small one, and a report after a bulk load runs into its time limit.

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::LocalBoxFuture;

use super::error::Result;
use super::write::Tx;

/// Tables of this user of which more than a quarter has changed since the last `ANALYZE`.
/// PostgreSQL counts the changes of all batches and imports. Its autovacuum would analyse the
/// tables only after a minute, and when a worker is free.
const FILLED: &str = "
    select format('%I.%I', known.schemaname, known.relname) as name
    from pg_stat_user_tables as known join pg_class on pg_class.oid = known.relid
    where n_mod_since_analyze > 5000 and n_mod_since_analyze * 4 > n_live_tup
        and pg_has_role(relowner, 'USAGE')
    order by n_mod_since_analyze desc
    limit 4";

/// A job: analyses the tables that have changed most, a few in one run. Readers and writers are not
/// blocked; only another `ANALYZE` of the same table waits. Returns the number of tables found.
pub fn refresh(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    Box::pin(async move {
        let filled: Vec<Table> = diesel::sql_query(FILLED).load(tx.conn()).await?;
        // Longer than for other statements: large tables take longest and matter most.
        tx.conn().batch_execute("set local statement_timeout = '25s'").await?;
        for table in &filled {
            let analyze = format!("analyze {}", table.name);
            let done = tx.attempt(async |tx| Ok(tx.conn().batch_execute(&analyze).await?)).await;
            if let Err(error) = done {
                tracing::warn!(table = table.name, %error, "table could not be analysed");
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
