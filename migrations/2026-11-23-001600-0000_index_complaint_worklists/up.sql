-- What somebody still has to do about complaints is little; what they have done grows.
create index complaints_unsettled_idx on complaints (owner_id)
    where status in ('registered', 'accepted', 'in_progress', 'pending_customer', 'resolved');
