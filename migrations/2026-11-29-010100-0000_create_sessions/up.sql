-- Sessions 会话: one login on one device. An access token names its session; `ended_no` numbers
-- the ends in the order in which they are committed, so that every instance hears of each.
create table sessions (
    id uuid constraint sessions_pkey primary key,
    user_id uuid not null constraint sessions_user_id_fkey references users,
    address text not null,
    user_agent text,
    started_at timestamptz not null,
    used_at timestamptz not null,
    -- however often it is used
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_no bigint,
    constraint sessions_ended_check check ((ended_at is null) = (ended_no is null))
);
create index sessions_user_id_idx on sessions (user_id);
create index sessions_ended_no_idx on sessions (ended_no) where ended_no is not null;

insert into sessions (id, user_id, address, started_at, used_at, expires_at)
select family_id, (array_agg(user_id))[1], 'unknown', min(issued_at), max(issued_at),
    max(expires_at)
from refresh_tokens group by family_id;
alter table refresh_tokens
    add constraint refresh_tokens_family_id_fkey foreign key (family_id)
        references sessions on delete cascade;

alter table directory add column ended bigint not null default 0;

-- Which secret a client's token was issued for.
alter table api_clients add column secret_id uuid not null default gen_random_uuid();
alter table api_clients alter column secret_id drop default;

-- Failures are counted in memory; successes are remembered.
drop table login_failures;
create table login_addresses (
    user_id uuid not null constraint login_addresses_user_id_fkey references users,
    address text not null,
    seen_at timestamptz not null,
    constraint login_addresses_pkey primary key (user_id, address)
);
create index login_addresses_seen_at_idx on login_addresses (seen_at);

-- Second factors 第二因素: `pending` is offered and not confirmed yet; `last_step` is the time
-- step of the last code, so that each is used once.
create table second_factors (
    user_id uuid constraint second_factors_pkey primary key
        constraint second_factors_user_id_fkey references users,
    secret bytea,
    pending bytea,
    last_step bigint not null,
    recovery_codes bytea[] not null,
    confirmed_at timestamptz
);
