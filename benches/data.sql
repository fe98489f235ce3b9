-- Test data: five teams of twenty salespeople with a manager each, their customers, and two years of
-- confirmed orders with three lines each. Variables: customers, orders, password.
\set ON_ERROR_STOP on
set client_min_messages = warning;
set maintenance_work_mem = '256MB';
set synchronous_commit = off;
-- The data satisfies all foreign keys; checking them would only take time.
set session_replication_role = replica;

create function pg_temp.id(kind int, number bigint) returns uuid immutable language sql as $$
    select (lpad(to_hex(1700000000000 + number), 12, '0') || '7' || lpad(kind::text, 3, '0')
        || '8000' || lpad(to_hex(number), 12, '0'))::uuid
$$;

create temp table indexes as
    select indexname, indexdef from pg_indexes
    where tablename in ('customers', 'orders', 'order_lines', 'sales_entries')
        and not exists (select from pg_constraint where conname = indexname);
select format('drop index %I', indexname) from indexes \gexec

insert into teams (id, version, code, name, parent_id, created_at, updated_at)
    select pg_temp.id(1, n), 1, 'T-' || n, 'Team ' || n,
        case when n > 0 then pg_temp.id(1, 0) end, now(), now()
    from generate_series(0, 5) as n;

-- Users 1 to 100 are salespeople, 101 to 105 are managers of a team.
insert into users (id, version, username, name, name_pinyin, roles, team_id, leads_team, active,
        password_hash, created_at, updated_at)
    select pg_temp.id(2, n), 1, 'user' || n, 'User ' || n, 'user ' || n,
        array[case when n > 100 then 'sales_manager' else 'salesperson' end],
        pg_temp.id(1, 1 + (n - 1) % 5), n > 100, true,
        (select password_hash from users where username = 'admin'), now(), now()
    from generate_series(1, 105) as n;
insert into memberships (id, user_id, team_id, leads, valid_from)
    select pg_temp.id(3, n), pg_temp.id(2, n), pg_temp.id(1, 1 + (n - 1) % 5), n > 100,
        '2020-01-01'
    from generate_series(1, 105) as n;
update directory set version = version + 1;

insert into products (id, version, code, name, name_pinyin, category, unit, list_price,
        standard_cost, tax_rate, active, prices, created_at, updated_at)
    select pg_temp.id(4, n), 1, 'P-' || n, 'Product ' || n, 'product ' || n, 'Category ' || n % 10,
        'pc', 10 + n, 5 + n, 13, true, '[]', now(), now()
    from generate_series(1, 500) as n;

with named as (
    select n, (array['上海', '北京', '广州', '深圳', '杭州', '成都', '武汉', '南京'])[1 + n % 8] as city,
        md5(n::text) as hash, '021-' || (50000000 + n) as phone, 'C-' || lpad(n::text, 6, '0') as code
    from generate_series(1, :customers) as n
), keyed as (
    select *, city || substr(hash, 1, 12) || '贸易有限公司' as name from named
), searched as materialized (
    select *, lower(name || ' ' || code || ' ' || phone || ' 21' || (50000000 + n)) || E'\n|'
        || regexp_replace(substr(hash, 1, 12), '(.)', '\1 |', 'g')
        || 'mao |yi |you |xian |gong |si ' as search
    from keyed
)
insert into customers (id, version, code, name, kind, status, owner_id, region, city, address,
        phone, industry, tier, source_system, external_id, created_at, updated_at, name_pinyin,
        name_key, search, grams, phones)
    select pg_temp.id(5, n), 1, code, name, 'company', 'active', pg_temp.id(2, 1 + n % 100),
        'Region ' || n % 31, city, 'Road ' || n, phone, 'trade', 'B', 'old', n, now(), now(),
        'pinyin ' || substr(hash, 1, 12), city || substr(hash, 1, 12) || '贸易', search,
        array(
            select distinct substr(search, at, long)
            from generate_series(1, length(search)) as at, generate_series(1, 2) as long
            where at + long <= length(search) + 1
            union select unnest(array['om', 'im', 'iy', 'uy', 'ux', 'ng', 'gs', 'my', 'yy', 'yx', 'xg'])
        ), array['21' || (50000000 + n)]
    from searched;
select setval('customers_code_seq', :customers);

insert into changes (event_id, type, id, version, op, at, by, data, diff, seen_by, seen_before)
    select id, 'customer', id, 1, 'created', now(), owner_id, row_to_json(it), '{}',
        array[owner_id], '{}'
    from (select id, version, code, name, kind, status, owner_id, region, city, address, phone,
        tier, created_at, updated_at from customers) as it;

create temp table ordered as
    select n, pg_temp.id(6, n) as id, 1 + n * 7919::bigint % :customers as customer,
        current_date - (n % 730)::int as day, (10 + n % 500) * 3.0 as amount
    from generate_series(1, :orders) as n;
insert into orders (id, version, number, customer_id, credits, credited, team_path, channel,
        order_date, confirmed_on, currency, exchange_rate, status, amount, tax_amount,
        freight_amount, total_amount, source_system, external_id, created_at, updated_at)
    select id, 1, 'A-' || n, pg_temp.id(5, customer),
        jsonb_build_array(jsonb_build_object('user_id', pg_temp.id(2, 1 + customer % 100),
            'share_percent', '100', 'amount', amount::text)),
        array[pg_temp.id(2, 1 + customer % 100)],
        array[pg_temp.id(1, 1 + customer % 100 % 5), pg_temp.id(1, 0)], 'direct',
        day, day, 'CNY', 1, 'confirmed', amount, 0, 0, amount, 'old', n, now(), now()
    from ordered;
insert into order_lines (order_id, line_number, product_id, quantity, unit_price,
        discount_percent, amount)
    select id, line, pg_temp.id(4, 1 + (n + line) % 500), 1, amount / 3, 0, amount / 3
    from ordered, generate_series(1, 3) as line;
insert into sales_entries (order_id, line_number, kind, user_id, team_path, product_id, category,
        customer_id, channel, region, booked_on, recorded_at, quantity, amount, line_amount, cost)
    select id, line, 'booked', pg_temp.id(2, 1 + customer % 100),
        array[pg_temp.id(1, 1 + customer % 100 % 5), pg_temp.id(1, 0)],
        pg_temp.id(4, 1 + (n + line) % 500), 'Category ' || (1 + (n + line) % 500) % 10,
        pg_temp.id(5, customer), 'direct', 'Region ' || customer % 31, day, now(), 1, amount / 3,
        amount / 3, 5
    from ordered, generate_series(1, 3) as line;

select indexdef from indexes \gexec
reset session_replication_role;
vacuum analyze;
checkpoint;
