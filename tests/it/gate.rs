//! A gate holds two requests back until the database says that both of them wait: what comes then
//! has no need of luck.

use std::time::{Duration, Instant};

use actix_web::rt;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join;

use crate::harness::Service;

/// What holds back whoever wants what it holds.
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

    /// Only readers pass.
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

/// Starts the one, then the other, and lets both of them go.
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
