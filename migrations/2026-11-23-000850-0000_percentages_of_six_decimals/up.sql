-- A percentage has up to six decimals, as the API says; four of them made a read differ from the answer of the write.
alter table order_lines alter column discount_percent type numeric(11, 6);
alter table products alter column tax_rate type numeric(11, 6);
