alter table contacts drop search, drop grams, drop addresses;
create index customers_phone_idx on customers (phone) where phone is not null;
alter table customers drop phones;
alter table products drop search;
alter table teams drop search;
alter table users drop search;
