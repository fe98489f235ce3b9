-- How far an order has got, as its ERP says; the money it is still to be billed for counts for the
-- customer's credit.
alter table orders
    add column fulfilment_status text not null default 'none'
        constraint orders_fulfilment_status_check
        check (fulfilment_status in ('none', 'partial', 'shipped', 'delivered')),
    add column billing_status text not null default 'none' constraint orders_billing_status_check
        check (billing_status in ('none', 'partial', 'invoiced')),
    add column payment_status text not null default 'none' constraint orders_payment_status_check
        check (payment_status in ('none', 'partial', 'paid')),
    -- confirmed as a fact although the customer's credit did not suffice
    add column credit_exceeded boolean not null default false,
    -- in the order's currency
    add column invoiced_amount numeric(20, 6) not null default 0;
alter table orders drop constraint orders_status_check;
alter table orders add constraint orders_status_check check (status in ('draft', 'submitted',
    'credit_hold', 'confirmed', 'closed', 'cancelled'));

-- What is confirmed and not billed yet, in the company's currency.
insert into open_items (kind, source_id, customer_id, due_on, amount)
select 'order', id, customer_id, null, round(total_amount * exchange_rate, 6)
from orders where status = 'confirmed' and round(total_amount * exchange_rate, 6) > 0;

create table shipments (
    id uuid constraint shipments_pkey primary key,
    version bigint not null,
    number text collate "C" not null,
    order_id uuid not null constraint shipments_order_id_fkey references orders,
    status text not null constraint shipments_status_check
        check (status in ('shipped', 'delivered', 'cancelled')),
    shipped_on date not null,
    delivered_on date,
    carrier text,
    tracking_number text,
    -- [{line_number, quantity}]
    lines jsonb not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint shipments_external_id_key unique (source_system, external_id),
    constraint shipments_number_key unique nulls not distinct (source_system, number)
);
create index shipments_shipped_on_idx on shipments (shipped_on, id);
create index shipments_order_id_idx on shipments (order_id);
