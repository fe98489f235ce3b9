alter table orders drop column taken_here;
