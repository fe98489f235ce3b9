alter table visits drop column overlapping;
