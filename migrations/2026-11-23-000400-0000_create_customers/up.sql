create table customers (
    id uuid constraint customers_pkey primary key,
    version bigint not null,
    code text collate "C" not null,
    name text collate "C" not null,
    kind text not null constraint customers_kind_check check (kind in ('company', 'person')),
    status text not null constraint customers_status_check
        check (status in ('prospect', 'active', 'dormant', 'lost', 'blacklisted')),
    status_reason text,
    owner_id uuid constraint customers_owner_id_fkey references users,
    territory_id uuid constraint customers_territory_id_fkey references territories,
    region text collate "C",
    city text,
    address text,
    latitude double precision
        constraint customers_latitude_check check (latitude between -90 and 90),
    longitude double precision
        constraint customers_longitude_check check (longitude between -180 and 180),
    phone text,
    industry text,
    tier text constraint customers_tier_check check (tier in ('A', 'B', 'C')),
    merged_into_id uuid constraint customers_merged_into_id_fkey references customers,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- made from the fields above: see customers/customer/search.rs
    name_pinyin text collate "C" not null,
    name_key text collate "C" not null,
    search text not null,
    grams text[] not null,
    constraint customers_code_key unique (code),
    constraint customers_external_id_key unique (source_system, external_id)
);
create sequence customers_code_seq;
create index customers_owner_id_idx on customers (owner_id, name, id);
create index customers_name_idx on customers (name, id);
create index customers_name_pinyin_idx on customers (name_pinyin, id);
create index customers_created_at_idx on customers (created_at, id);
create index customers_territory_id_idx on customers (territory_id);
create index customers_name_key_idx on customers (name_key);
create index customers_phone_idx on customers (phone) where phone is not null;
create index customers_merged_into_id_idx on customers (merged_into_id)
    where merged_into_id is not null;
create index customers_grams_idx on customers using gin (grams);

-- Who looked after a customer from when on, and who will: a row per transfer.
create table customer_transfers (
    id uuid constraint customer_transfers_pkey primary key,
    customer_id uuid not null constraint customer_transfers_customer_fkey references customers,
    from_owner_id uuid constraint customer_transfers_from_fkey references users,
    to_owner_id uuid constraint customer_transfers_to_fkey references users,
    reason text not null,
    effective_on date not null,
    requested_at timestamptz not null,
    requested_by uuid not null,
    -- null while the day has not come
    applied_at timestamptz,
    cancelled_at timestamptz
);
create index customer_transfers_customer_id_idx
    on customer_transfers (customer_id, effective_on, id);
create index customer_transfers_due_idx on customer_transfers (effective_on)
    where applied_at is null and cancelled_at is null;

create table contacts (
    id uuid constraint contacts_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint contacts_customer_id_fkey references customers,
    name text collate "C" not null,
    title text,
    phone text,
    email text,
    birth_year smallint constraint contacts_birth_year_check check (birth_year between 1900 and 2100),
    personality text,
    hobbies text[],
    influence smallint constraint contacts_influence_check check (influence between 1 and 5),
    is_primary boolean not null,
    erased_at timestamptz,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint contacts_external_id_key unique (source_system, external_id)
);
create index contacts_customer_id_idx on contacts (customer_id, name, id);
create unique index contacts_primary_key on contacts (customer_id) where is_primary;
create index contacts_name_idx on contacts (name, id);
create index contacts_created_at_idx on contacts (created_at, id);
