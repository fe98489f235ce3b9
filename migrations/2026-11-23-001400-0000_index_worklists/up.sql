-- What somebody still has to do is little; what they have done grows.
create index visits_unfinished_idx on visits (owner_id) where status in ('in_progress', 'missed');
create index visits_next_visit_on_idx on visits (owner_id, next_visit_on)
    where status = 'completed' and next_visit_on is not null;
create index follow_ups_open_idx on follow_ups (assignee_id, due_at)
    where status in ('assigned', 'accepted', 'in_progress', 'returned');
