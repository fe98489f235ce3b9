drop index follow_ups_open_idx;
drop index visits_next_visit_on_idx;
drop index visits_unfinished_idx;
