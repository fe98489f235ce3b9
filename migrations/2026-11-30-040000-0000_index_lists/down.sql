drop index customers_place_idx;
drop index complaints_updated_at_idx;
drop index shipments_updated_at_idx;
drop index payments_updated_at_idx;
drop index invoices_updated_at_idx;
drop index visits_updated_at_idx;
drop index orders_updated_at_idx;
drop index customers_updated_at_idx;
