-- How long a receiver took, and tests that it did not take.
alter table webhook_deliveries
    add column duration_ms integer,
    drop constraint webhook_deliveries_status_check,
    add constraint webhook_deliveries_status_check
        check (status in ('pending', 'delivered', 'dead', 'withheld', 'failed'));
