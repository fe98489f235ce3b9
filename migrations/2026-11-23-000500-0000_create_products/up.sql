create table products (
    id uuid constraint products_pkey primary key,
    version bigint not null,
    code text collate "C" not null constraint products_code_key unique,
    name text collate "C" not null,
    name_pinyin text collate "C" not null,
    category text collate "C",
    subcategory text,
    unit text not null,
    list_price numeric(20, 6) constraint products_list_price_check check (list_price >= 0),
    standard_cost numeric(20, 6)
        constraint products_standard_cost_check check (standard_cost >= 0),
    tax_rate numeric(9, 4) constraint products_tax_rate_check check (tax_rate between 0 and 100),
    active boolean not null,
    -- list prices by day: [{valid_from, valid_to, price}]
    prices jsonb not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint products_external_id_key unique (source_system, external_id)
);
create index products_name_idx on products (name, id);
create index products_name_pinyin_idx on products (name_pinyin, id);
create index products_category_idx on products (category, name, id);
create index products_created_at_idx on products (created_at, id);
