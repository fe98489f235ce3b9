delete from webhook_deliveries where type = 'test';
alter table webhook_deliveries
    drop column duration_ms,
    drop constraint webhook_deliveries_status_check,
    add constraint webhook_deliveries_status_check
        check (status in ('pending', 'delivered', 'dead', 'withheld'));
