//! Work that runs without a request.

use std::sync::LazyLock;
use std::time::Duration;

use platform::jobs::Job;
use platform::search::AT_A_TIME;
use platform::{Result, Tx};

use crate::app::DOMAINS;

/// Jobs of all domains.
pub static JOBS: LazyLock<Vec<Job>> =
    LazyLock::new(|| DOMAINS.iter().flat_map(|domain| domain.jobs).copied().collect());

/// Jobs that concern several domains.
pub const OWN: &[Job] = &[
    Job {
        name: "idempotency_keys",
        every: Duration::from_hours(1),
        run: |tx| {
            Box::pin(async { Ok(platform::idempotency::forget_old_answers(tx).await? as u64) })
        },
    },
    Job {
        name: "search_texts",
        every: Duration::from_mins(5),
        run: |tx| Box::pin(write_search_texts(tx)),
    },
    Job { name: "statistics", every: Duration::from_secs(5), run: platform::statistics::refresh },
];

/// Writes the search texts of rows from before an upgrade, a limited number of each kind at a time.
async fn write_search_texts(tx: &mut Tx) -> Result<u64> {
    let written = [
        auth::user::write_search_texts(tx).await?,
        auth::team::write_search_texts(tx).await?,
        products::product::write_search_texts(tx).await?,
        customers::customer::write_search_texts(tx).await?,
        customers::contact::write_search_texts(tx).await?,
    ];
    if written.iter().any(|rows| i64::try_from(*rows).is_ok_and(|rows| rows >= AT_A_TIME)) {
        tx.go_on();
    }
    Ok(written.iter().sum())
}
