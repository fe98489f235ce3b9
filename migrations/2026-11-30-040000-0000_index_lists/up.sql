-- `updated_from` on the lists that grow with the business.
create index customers_updated_at_idx on customers (updated_at, id);
create index orders_updated_at_idx on orders (updated_at, id);
create index visits_updated_at_idx on visits (updated_at, id);
create index invoices_updated_at_idx on invoices (updated_at, id);
create index payments_updated_at_idx on payments (updated_at, id);
create index shipments_updated_at_idx on shipments (updated_at, id);
create index complaints_updated_at_idx on complaints (updated_at, id);
-- `near`: the rectangle around the circle.
create index customers_place_idx on customers (latitude, longitude) where latitude is not null;
