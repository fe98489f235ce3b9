alter table products alter column tax_rate type numeric(9, 4);
alter table order_lines alter column discount_percent type numeric(9, 4);
