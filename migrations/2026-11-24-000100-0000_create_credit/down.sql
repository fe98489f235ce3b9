drop table terms_requests;
drop table credit_investigations;
drop table credit_overrides;
drop table open_items;
drop table customer_credits;
