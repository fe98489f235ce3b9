//! Jobs of all domains, with their intervals.

use std::time::Duration;

use platform::jobs::Job;
use platform::search::AT_A_TIME;
use platform::{Result, Tx};

/// Work that runs without a request.
pub const JOBS: &[Job] = &[
    Job {
        name: "change_partitions",
        every: Duration::from_hours(6),
        run: |tx| Box::pin(sync::keep_partitions(tx)),
    },
    Job {
        name: "idempotency_keys",
        every: Duration::from_hours(1),
        run: |tx| {
            Box::pin(async { Ok(platform::idempotency::forget_old_answers(tx).await? as u64) })
        },
    },
    Job {
        name: "signing_keys",
        every: Duration::from_hours(6),
        run: |tx| Box::pin(auth::signing_key::rotate_due(tx)),
    },
    Job {
        name: "memberships",
        every: Duration::from_mins(1),
        run: |tx| Box::pin(auth::user::apply_memberships(tx)),
    },
    Job {
        name: "refresh_tokens",
        every: Duration::from_hours(1),
        run: |tx| Box::pin(auth::session::forget_expired(tx)),
    },
    Job {
        name: "customer_transfers",
        every: Duration::from_mins(1),
        run: |tx| Box::pin(customers::transfer::apply_due(tx)),
    },
    Job {
        name: "missed_visits",
        every: Duration::from_mins(5),
        run: |tx| Box::pin(visits::visit::mark_missed(tx)),
    },
    Job {
        name: "late_follow_ups",
        every: Duration::from_mins(5),
        run: |tx| Box::pin(follow_ups::follow_up::escalate_late(tx)),
    },
    Job {
        name: "attachments",
        every: Duration::from_mins(10),
        run: |tx| Box::pin(attachments::attachment::expire(tx)),
    },
    Job {
        name: sync::pending::JOB,
        every: Duration::from_secs(5),
        run: |tx| Box::pin(sync::pending::retry(tx)),
    },
    Job {
        name: "search_texts",
        every: Duration::from_mins(5),
        run: |tx| Box::pin(write_search_texts(tx)),
    },
    Job { name: "statistics", every: Duration::from_secs(5), run: platform::statistics::refresh },
    Job {
        name: "webhook_deliveries",
        every: Duration::from_hours(1),
        run: |tx| Box::pin(sync::webhook::forget_old(tx)),
    },
    Job {
        name: "complaint_deadlines",
        every: Duration::from_mins(1),
        run: |tx| Box::pin(complaints::hooks::check_deadlines(tx)),
    },
    Job {
        name: "credit_investigations",
        every: Duration::from_mins(10),
        run: |tx| Box::pin(credit::credit_investigation::expire(tx)),
    },
    Job {
        name: "customer_terms",
        every: Duration::from_mins(1),
        run: |tx| Box::pin(credit::terms_request::apply_due(tx)),
    },
    Job { name: "dormancy", every: Duration::from_mins(10), run: orders::activity::make_dormant },
    Job { name: "collections", every: Duration::from_mins(10), run: receivables::hooks::collect },
    Job {
        name: "open_amounts",
        every: Duration::from_hours(6),
        run: receivables::hooks::check_amounts,
    },
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
