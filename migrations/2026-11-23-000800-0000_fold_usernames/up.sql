-- Zhang.Wei and zhang.wei are one account: on a phone the first letter comes out large.
alter table users drop constraint users_username_key;
create unique index users_username_key on users (lower(username));
