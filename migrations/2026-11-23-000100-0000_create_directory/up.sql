-- Who works here, who leads whom, and who may call.
create table teams (
    id uuid constraint teams_pkey primary key,
    version bigint not null,
    code text collate "C" constraint teams_code_key unique,
    name text collate "C" not null,
    parent_id uuid constraint teams_parent_id_fkey references teams
        constraint teams_parent_id_check check (parent_id <> id),
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint teams_external_id_key unique (source_system, external_id)
);
create index teams_parent_id_idx on teams (parent_id);
create index teams_name_idx on teams (name, id);

create table users (
    id uuid constraint users_pkey primary key,
    version bigint not null,
    username text collate "C" constraint users_username_key unique,
    name text collate "C" not null,
    name_pinyin text collate "C" not null,
    email text,
    phone text,
    roles text[] not null,
    -- the membership of today, for answers; decisions read memberships
    team_id uuid constraint users_team_id_fkey references teams,
    leads_team boolean not null default false,
    employed_from date,
    employed_to date,
    active boolean not null,
    password_hash text,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint users_external_id_key unique (source_system, external_id),
    constraint users_employed_check check (employed_to > employed_from)
);
create index users_name_idx on users (name, id);
create index users_name_pinyin_idx on users (name_pinyin, id);
create index users_created_at_idx on users (created_at, id);
create index users_team_id_idx on users (team_id);

create table memberships (
    id uuid constraint memberships_pkey primary key,
    user_id uuid not null constraint memberships_user_id_fkey references users,
    team_id uuid not null constraint memberships_team_id_fkey references teams,
    leads boolean not null,
    valid_from date not null,
    -- exclusive
    valid_to date,
    constraint memberships_valid_check check (valid_to > valid_from)
);
create unique index memberships_user_id_idx on memberships (user_id, valid_from);
create index memberships_team_id_idx on memberships (team_id, valid_from, id);

create table api_clients (
    id uuid constraint api_clients_pkey primary key,
    version bigint not null,
    name text collate "C" not null,
    client_id text not null constraint api_clients_client_id_key unique,
    secret_hash bytea not null,
    roles text[] not null,
    source_system text,
    active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index api_clients_name_idx on api_clients (name, id);

-- One row per refresh token; a family is one login.
create table refresh_tokens (
    hash bytea constraint refresh_tokens_pkey primary key,
    family_id uuid not null,
    user_id uuid not null constraint refresh_tokens_user_id_fkey references users,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    -- when it was first exchanged, and whether a successor of it has been
    rotated_at timestamptz,
    parent_hash bytea
);
create index refresh_tokens_family_id_idx on refresh_tokens (family_id);
create index refresh_tokens_user_id_idx on refresh_tokens (user_id);
create index refresh_tokens_expires_at_idx on refresh_tokens (expires_at);
create index refresh_tokens_parent_hash_idx on refresh_tokens (parent_hash);

-- The newest active one signs, all that are not retired verify.
create table signing_keys (
    kid text constraint signing_keys_pkey primary key,
    private_key bytea not null,
    public_key text not null,
    created_at timestamptz not null,
    -- signs from then on, so that every instance knows it before a token carries it
    signs_from timestamptz not null,
    -- verifies until then
    retires_at timestamptz
);

-- Failed logins per account and per address.
create table login_failures (
    subject text constraint login_failures_pkey primary key,
    failures integer not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);

-- One row. Whoever writes who may do what adds one to its version.
create table directory (
    id boolean constraint directory_pkey primary key default true check (id),
    version bigint not null
);
insert into directory (version) values (1);
