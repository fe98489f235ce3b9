create table orders (
    id uuid constraint orders_pkey primary key,
    version bigint not null,
    number text collate "C" not null,
    customer_id uuid not null constraint orders_customer_id_fkey references customers,
    -- who earns which share: [{user_id, share_percent, amount}]
    credits jsonb not null,
    -- the same people, and their teams with all above at order_date: who may see the order
    credited uuid[] not null,
    team_path uuid[] not null,
    territory_id uuid constraint orders_territory_id_fkey references territories,
    channel text collate "C",
    order_date date not null,
    confirmed_on date,
    cancelled_on date,
    due_date date,
    shipped_on date,
    currency text not null,
    -- to the company's currency on order_date
    exchange_rate numeric(20, 10) not null,
    status text not null constraint orders_status_check
        check (status in ('draft', 'submitted', 'confirmed', 'closed', 'cancelled')),
    status_reason text,
    amount numeric(20, 6) not null,
    tax_amount numeric(20, 6) not null,
    freight_amount numeric(20, 6) not null,
    total_amount numeric(20, 6) not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint orders_external_id_key unique (source_system, external_id),
    constraint orders_number_key unique nulls not distinct (source_system, number)
);
create sequence orders_number_seq;
create index orders_order_date_idx on orders (order_date, id);
create index orders_created_at_idx on orders (created_at, id);
create index orders_customer_id_idx on orders (customer_id, order_date, id);
create index orders_number_idx on orders (number, id);
create index orders_credited_idx on orders using gin (credited);
create index orders_team_path_idx on orders using gin (team_path);

create table order_lines (
    order_id uuid not null constraint order_lines_order_id_fkey references orders,
    line_number integer not null,
    product_id uuid constraint order_lines_product_id_fkey references products,
    description text,
    quantity numeric(20, 6) not null,
    unit_price numeric(20, 6) not null,
    discount_percent numeric(9, 4) not null,
    amount numeric(20, 6) not null,
    constraint order_lines_pkey primary key (order_id, line_number)
);
create index order_lines_product_id_idx on order_lines (product_id);

-- The sales ledger: what was recognised, for whom, when. Append-only: corrections add entries.
-- Names of things that can change (category, region, team) stand as they were at recognition.
create table sales_entries (
    id bigint generated always as identity constraint sales_entries_pkey primary key,
    order_id uuid not null constraint sales_entries_order_id_fkey references orders,
    line_number integer not null,
    kind text not null constraint sales_entries_kind_check
        check (kind in ('booked', 'reversed')),
    user_id uuid constraint sales_entries_user_id_fkey references users,
    -- the person's own team first, then all above it
    team_path uuid[] not null,
    product_id uuid constraint sales_entries_product_id_fkey references products,
    category text collate "C",
    customer_id uuid not null constraint sales_entries_customer_id_fkey references customers,
    territory_id uuid constraint sales_entries_territory_id_fkey references territories,
    channel text collate "C",
    region text collate "C",
    booked_on date not null,
    recorded_at timestamptz not null,
    quantity numeric(20, 6) not null,
    -- in the company's currency; the line's part of the order's credited amount, which sums
    -- exactly to the order's amount
    amount numeric(20, 6) not null,
    -- the line's own credited amount
    line_amount numeric(20, 6) not null,
    -- standard cost at recognition, null when it was not known
    cost numeric(20, 6)
);
create index sales_entries_booked_on_idx on sales_entries (booked_on);
create index sales_entries_order_id_idx on sales_entries (order_id);
create index sales_entries_user_id_idx on sales_entries (user_id, booked_on);
create index sales_entries_customer_id_idx on sales_entries (customer_id, booked_on);
-- what was taken back, for reports that leave corrected orders out
create index sales_entries_reversed_idx on sales_entries (order_id, booked_on, id)
    where kind = 'reversed';
create index sales_entries_team_path_idx on sales_entries using gin (team_path);
