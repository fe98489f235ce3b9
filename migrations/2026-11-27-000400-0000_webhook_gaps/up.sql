-- Whether a webhook has missed something: when the feed was last read for it, and until when it was
-- not told what happened.
alter table webhook_positions
    add column read_at timestamptz not null default now(),
    add column missed_until timestamptz;
alter table webhook_positions alter column read_at drop default;
