-- Five years of posted invoices in the order of their dates, every 20th with two instalments. `open`
-- of them, at random places, are open, however many invoices there are, and there are a tenth as many
-- unapplied receipts. All other invoices are paid, each by a payment of its own.
-- Variables: customers (the first of them have invoices), invoices, open.
\set ON_ERROR_STOP on
set client_min_messages = warning;
set maintenance_work_mem = '1GB';
set synchronous_commit = off;
set session_replication_role = replica;

select :invoices / :open as each \gset
create function pg_temp.id(kind int, number bigint) returns uuid immutable language sql as $$
    select (lpad(to_hex(1700000000000 + number), 12, '0') || '7' || lpad(kind::text, 3, '0')
        || '8000' || lpad(to_hex(number), 12, '0'))::uuid
$$;

create temp table indexes as
    select indexname, indexdef from pg_indexes
    where tablename in ('invoices', 'payments', 'allocations')
        and not exists (select from pg_constraint where conname = indexname);
select format('drop index %I', indexname) from indexes \gexec

-- Pseudo-random, and the same in each run.
create function pg_temp.dice(seed bigint, sides bigint) returns bigint immutable language sql as $$
    select (hashint8extended(seed, 1) & 9223372036854775807) % sides
$$;
create temp table billed as
    select n, 1 + pg_temp.dice(n, :customers) as customer, day, day + 30 as due,
        case when n % :each = pg_temp.dice(n / :each, :each) then null
            else least(day + 20 + pg_temp.dice(-n, 60)::int, current_date) end as closed,
        (10 + n % 500) * 3.0 as amount, pg_temp.dice(n + 7, 20) = 0 as in_parts
    from (
        select n, current_date - 1 - ((:invoices - n) * 1825 / :invoices)::int as day
        from generate_series(1, :invoices::bigint) as n
    ) as it;
insert into invoices (id, version, kind, number, customer_id, salesperson_id, invoice_date,
        due_date, currency, exchange_rate, amount, tax_amount, total_amount, disputed, instalments,
        status, posted_on, open_amount, closed_on, next_due_on, credit_exceeded, source_system,
        external_id, created_at, updated_at)
    select pg_temp.id(10, n), 2, 'invoice', 'I-' || n, pg_temp.id(5, customer),
        pg_temp.id(2, 1 + customer % 100), day, due, 'CNY', 1, amount, 0, amount, false,
        case when in_parts then jsonb_build_array(
            jsonb_build_object('due_date', due, 'amount', (amount / 3)::text),
            jsonb_build_object('due_date', due + 30, 'amount', (amount * 2 / 3)::text))
        else '[]' end, 'posted', day, case when closed is null then amount else 0 end, closed,
        case when closed is null then due end, false, 'old', n, day, day
    from billed;
insert into payments (id, version, number, customer_id, received_on, currency, exchange_rate, amount,
        method, unapplied_amount, closed_on, recorded_on, salesperson_ids, credit_exceeded,
        source_system, external_id, created_at, updated_at)
    select pg_temp.id(11, n), 1, 'R-' || n, pg_temp.id(5, customer), day, 'CNY', 1, amount,
        'bank_transfer', case when closed is null then amount else 0 end, closed, day,
        array[pg_temp.id(2, 1 + customer % 100)], false, 'old', n, day, day
    from billed where closed is not null or n / :each % 10 = 0;
insert into allocations (id, invoice_id, payment_id, amount, allocated_on)
    select pg_temp.id(12, n), pg_temp.id(10, n), pg_temp.id(11, n), amount, closed
    from billed where closed is not null;

select indexdef from indexes \gexec
reset session_replication_role;
vacuum analyze invoices, payments, allocations;
checkpoint;
