alter table visit_checks drop column overlapping;
