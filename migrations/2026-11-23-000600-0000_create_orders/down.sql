drop table sales_entries, order_lines, orders;
drop sequence orders_number_seq;
