create table territories (
    id uuid constraint territories_pkey primary key,
    version bigint not null,
    code text collate "C" constraint territories_code_key unique,
    name text collate "C" not null,
    parent_id uuid constraint territories_parent_id_fkey references territories
        constraint territories_parent_id_check check (parent_id <> id),
    kind text,
    -- who looks after it, one at a time: [{user_id, valid_from, valid_to}]
    holders jsonb not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint territories_external_id_key unique (source_system, external_id)
);
create index territories_parent_id_idx on territories (parent_id);
create index territories_name_idx on territories (name, id);
create index territories_created_at_idx on territories (created_at, id);
