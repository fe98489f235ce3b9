-- Case and width are no difference between codes and between user names: `fold` in
-- platform/characters.rs does the same to what is compared with them.
alter table customers add code_key text collate "C" generated always as (
        normalize(translate(
            lower(upper(lower(normalize(code, nfkc) collate "und-x-icu"))), 'ς' || chr(775), 'σ'), nfkc)) stored;
alter table customers drop constraint customers_code_key;
alter table customers add constraint customers_code_key unique (code_key);
alter table products add code_key text collate "C" generated always as (
        normalize(translate(
            lower(upper(lower(normalize(code, nfkc) collate "und-x-icu"))), 'ς' || chr(775), 'σ'), nfkc)) stored;
alter table products drop constraint products_code_key;
alter table products add constraint products_code_key unique (code_key);
-- to sort by
create index products_code_idx on products (code, id);
alter table teams add code_key text collate "C" generated always as (
        normalize(translate(
            lower(upper(lower(normalize(code, nfkc) collate "und-x-icu"))), 'ς' || chr(775), 'σ'), nfkc)) stored;
alter table teams drop constraint teams_code_key;
alter table teams add constraint teams_code_key unique (code_key);
alter table territories add code_key text collate "C" generated always as (
        normalize(translate(
            lower(upper(lower(normalize(code, nfkc) collate "und-x-icu"))), 'ς' || chr(775), 'σ'), nfkc)) stored;
alter table territories drop constraint territories_code_key;
alter table territories add constraint territories_code_key unique (code_key);
alter table users add username_key text collate "C" generated always as (
        normalize(translate(
            lower(upper(lower(normalize(username, nfkc) collate "und-x-icu"))), 'ς' || chr(775), 'σ'), nfkc)) stored;
drop index users_username_key;
alter table users add constraint users_username_key unique (username_key);
