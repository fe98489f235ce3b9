drop statistics visits_month;
alter table visits drop column in_fence;
