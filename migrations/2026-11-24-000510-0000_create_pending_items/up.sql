-- Items of batches that wait until what they refer to arrives, as they were sent.
create table pending_items (
    id uuid constraint pending_items_pkey primary key,
    source_system text not null,
    type text not null,
    external_id text not null,
    item json not null,
    -- why it could not be applied when everything was there
    problem json,
    parked_by uuid not null,
    parked_at timestamptz not null,
    constraint pending_items_external_id_key unique (source_system, type, external_id)
);
create table pending_references (
    item_id uuid not null constraint pending_references_item_id_fkey references pending_items,
    type text not null,
    source_system text not null,
    external_id text not null,
    constraint pending_references_pkey primary key (item_id, type, source_system, external_id)
);
create index pending_references_target_idx on pending_references (type, source_system, external_id);
