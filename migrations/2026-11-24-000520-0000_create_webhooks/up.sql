-- Who is told of changes as they happen.
create table webhooks (
    id uuid constraint webhooks_pkey primary key,
    version bigint not null,
    url text not null,
    description text,
    -- none: all
    types text[] not null,
    active boolean not null,
    -- what it may see, its owner may see
    owner_id uuid not null,
    secret bytea not null,
    previous_secret bytea,
    previous_until timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Up to where the feed has been read for each, and which instance does it.
create table webhook_positions (
    webhook_id uuid constraint webhook_positions_pkey primary key
        constraint webhook_positions_webhook_id_fkey references webhooks,
    epoch uuid not null,
    xid bigint not null,
    seq bigint not null,
    -- grows by one with every holder; one that was paused finds a higher number and stops
    fence bigint not null default 0,
    holder uuid,
    lease_until timestamptz
);

-- What is to be told, and the log of what was.
create table webhook_deliveries (
    id uuid constraint webhook_deliveries_pkey primary key,
    webhook_id uuid not null constraint webhook_deliveries_webhook_id_fkey references webhooks,
    event_id uuid not null,
    type text not null,
    resource_id uuid not null,
    -- where it stands in the feed
    xid bigint not null,
    seq bigint not null,
    at timestamptz not null,
    status text not null constraint webhook_deliveries_status_check
        check (status in ('pending', 'delivered', 'dead', 'withheld')),
    attempts integer not null,
    first_attempt_at timestamptz,
    last_attempt_at timestamptz,
    next_attempt_at timestamptz,
    delivered_at timestamptz,
    response_status smallint,
    error text,
    created_at timestamptz not null,
    constraint webhook_deliveries_event_key unique (webhook_id, event_id),
    constraint webhook_deliveries_next_check
        check ((status = 'pending') = (next_attempt_at is not null))
);
create index webhook_deliveries_pending_idx
    on webhook_deliveries (webhook_id, type, resource_id, xid, seq) where status = 'pending';
create index webhook_deliveries_log_idx on webhook_deliveries (webhook_id, created_at, id);
create index webhook_deliveries_created_at_idx on webhook_deliveries (created_at);
