alter table webhook_positions
    drop column missed_until,
    drop column read_at;
