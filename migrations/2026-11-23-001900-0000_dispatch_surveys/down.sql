alter table surveys drop constraint surveys_dispatched_check;
alter table surveys drop column dispatched_by;
alter table surveys drop column dispatched_at;
alter table surveys drop column dispatch_due_on;
