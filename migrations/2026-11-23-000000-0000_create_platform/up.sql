-- What every resource leans on: the record of changes, idempotency keys, shared secrets, jobs.
create sequence changes_seq;
create table changes (
    xid bigint not null default pg_current_xact_id()::text::bigint,
    seq bigint not null default nextval('changes_seq'),
    event_id uuid not null,
    type text not null,
    id uuid not null,
    version bigint not null,
    op text not null constraint changes_op_check check (op in ('created', 'updated', 'deleted')),
    at timestamptz not null,
    by uuid not null,
    -- not jsonb: written with every change, read as a whole or never
    data json not null,
    diff json not null,
    -- whose reach made the row visible after and before; the nil id is the pool, the greatest
    -- one everybody
    seen_by uuid[] not null,
    seen_before uuid[] not null,
    constraint changes_pkey primary key (xid, seq, at)
) partition by range (at);
create index changes_type_id_idx on changes (type, id, version);

-- One row: which life of the database the positions of the feed belong to.
create table feed_epoch (
    id boolean constraint feed_epoch_pkey primary key default true check (id),
    epoch uuid not null,
    server text not null,
    xid bigint not null
);

create table idempotency_keys (
    actor_id uuid not null,
    key text not null,
    fingerprint bytea not null,
    status smallint not null,
    etag text,
    location text,
    -- the resource that the answer shows, so that an erasure finds it
    about uuid,
    body bytea not null,
    created_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (actor_id, key)
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
create index idempotency_keys_about_idx on idempotency_keys (about) where about is not null;

create table secrets (
    name text constraint secrets_pkey primary key,
    value bytea not null
);

-- A row per job: who runs it until when, and how the last run went.
create table jobs (
    name text constraint jobs_pkey primary key,
    -- grows by one with every lease; a holder that was paused finds a higher number and stops
    fence bigint not null default 0,
    holder uuid,
    lease_until timestamptz,
    next_run_at timestamptz not null,
    last_started_at timestamptz,
    last_finished_at timestamptz,
    last_effects bigint,
    last_error text,
    runs bigint not null default 0,
    failures bigint not null default 0
);
