-- What each source sent last, by its own key: only what differs from it is news.
create table source_items (
    source_system text collate "C" not null,
    type text collate "C" not null,
    external_id text collate "C" not null,
    -- the row that the item became; it may be gone, or merged into another
    row_id uuid not null,
    -- twelve bytes for each field, in the order of the first four: digests of its name and of its value
    fields bytea not null,
    constraint source_items_pkey primary key (source_system, type, external_id),
    constraint source_items_fields_check check (octet_length(fields) % 12 = 0)
);
