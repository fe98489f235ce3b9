-- Made from other fields by platform/search.rs and platform/phone.rs. Rows from before have null until
-- the job `search_texts` gets to them.
alter table users add search text;
create index users_search_due_idx on users (id) where search is null;

alter table teams add search text;
create index teams_search_due_idx on teams (id) where search is null;

alter table products add search text;
create index products_search_due_idx on products (id) where search is null;

alter table customers add phones text[];
create index customers_search_due_idx on customers (id) where phones is null;
create index customers_phones_idx on customers using gin (phones);
drop index customers_phone_idx;

-- addresses: phone numbers by their digits, and the e-mail address
alter table contacts add search text, add grams text[], add addresses text[];
create index contacts_search_due_idx on contacts (id) where search is null;
create index contacts_grams_idx on contacts using gin (grams);
create index contacts_addresses_idx on contacts using gin (addresses);
