//! A gate blocks two requests until the database reports that both of them wait, so that tests of
//! races do not depend on timing.

use std::time::{Duration, Instant};

use actix_web::rt;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join;

use crate::support::harness::Service;

/// A lock that blocks other transactions.
pub struct Gate<'a> {
    pub conn: AsyncPgConnection,
    service: &'a Service,
}

impl<'a> Gate<'a> {
    pub async fn shut(service: &'a Service, hold: &str) -> Self {
        let mut conn = salesbook::platform::db::connect(&service.url()).await.unwrap();
        conn.batch_execute(&format!("begin; {hold}")).await.unwrap();
        Self { conn, service }
    }

    /// Blocks writes to a table.
    pub async fn before_writes(service: &'a Service, table: &str) -> Self {
        Self::shut(service, &format!("lock table {table} in share row exclusive mode")).await
    }

    pub async fn row(service: &'a Service, table: &str, id: &str) -> Self {
        Self::shut(service, &format!("select 1 from {table} where id = '{id}' for update")).await
    }

    pub async fn are_waiting(&self, count: i64) {
        let start = Instant::now();
        let waiting =
            "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while self.service.count(waiting).await < count {
            assert!(start.elapsed() < Duration::from_secs(4), "{count} never waited");
            rt::task::yield_now().await;
        }
    }

    pub async fn open(mut self) {
        self.conn.batch_execute("commit").await.unwrap();
    }
}

/// Starts one request, then the other, waits until both are blocked, and releases them.
pub async fn meet<A, B>(
    gate: Gate<'_>,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let second = async {
        gate.are_waiting(1).await;
        let open = async {
            gate.are_waiting(2).await;
            gate.open().await;
        };
        join(second, open).await.0
    };
    join(first, second).await
}
