-- An invoice in instalments is owed in parts: only those whose day is over are overdue.
alter table open_items add column part integer not null default 0;
alter table open_items drop constraint open_items_pkey;
alter table open_items add constraint open_items_pkey primary key (kind, source_id, part);
with parts as (
    select i.id, i.customer_id, i.exchange_rate, p.due_on, p.amount,
        sum(p.amount) over (partition by i.id order by p.due_on, p.place)
            - (i.total_amount - i.open_amount) as reached
    from invoices i cross join lateral (
        select (it->>'due_date')::date as due_on, (it->>'amount')::numeric as amount, place
        from jsonb_array_elements(i.instalments) with ordinality as of (it, place)
    ) as p
    where i.kind = 'invoice' and i.open_amount > 0 and i.instalments <> '[]'
),
open as (
    select id, customer_id, due_on, exchange_rate, least(amount, reached) as amount,
        row_number() over (partition by id order by due_on) - 1 as part
    from parts where reached > 0
)
insert into open_items (kind, source_id, part, customer_id, due_on, amount)
    select 'invoice', id, part, customer_id, due_on, round(amount * exchange_rate, 6) from open
    on conflict (kind, source_id, part) do update
        set due_on = excluded.due_on, amount = excluded.amount;
