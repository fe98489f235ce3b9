drop table shipments;
delete from open_items where kind = 'order';
-- The older service knows no hold: what waited for credit is submitted.
update orders set status = 'submitted' where status = 'credit_hold';
alter table orders drop constraint orders_status_check;
alter table orders add constraint orders_status_check check (status in ('draft', 'submitted',
    'confirmed', 'closed', 'cancelled'));
alter table orders
    drop column fulfilment_status,
    drop column billing_status,
    drop column payment_status,
    drop column credit_exceeded,
    drop column invoiced_amount;
