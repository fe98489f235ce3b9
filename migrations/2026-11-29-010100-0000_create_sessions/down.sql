drop table second_factors;
drop table login_addresses;
create table login_failures (
    subject text constraint login_failures_pkey primary key,
    failures integer not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);
alter table api_clients drop column secret_id;
alter table directory drop column ended;
alter table refresh_tokens drop constraint refresh_tokens_family_id_fkey;
delete from refresh_tokens where family_id in (select id from sessions where ended_at is not null);
drop table sessions;
