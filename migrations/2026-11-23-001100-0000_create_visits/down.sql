drop table coaching_notes;
drop table visit_checks;
drop table visits;
