-- The company whose schema this is, its calendar and its currencies. One row in company.
create table company (
    singleton boolean constraint company_pkey primary key default true check (singleton),
    id uuid not null,
    version bigint not null,
    name text not null,
    currency text not null,
    time_zone text not null,
    language text not null,
    -- only what differs from the defaults
    settings jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table holidays (
    id uuid constraint holidays_pkey primary key,
    version bigint not null,
    date date not null constraint holidays_date_key unique,
    kind text not null constraint holidays_kind_check check (kind in ('holiday', 'working')),
    name text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table exchange_rates (
    id uuid constraint exchange_rates_pkey primary key,
    version bigint not null,
    from_currency text collate "C" not null,
    to_currency text collate "C" not null,
    valid_on date not null,
    rate numeric(20, 10) not null constraint exchange_rates_rate_check check (rate > 0),
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint exchange_rates_pair_key unique (from_currency, to_currency, valid_on),
    constraint exchange_rates_external_id_key unique (source_system, external_id)
);
create index exchange_rates_valid_on_idx on exchange_rates (valid_on, id);
