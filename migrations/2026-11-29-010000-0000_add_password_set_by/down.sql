alter table users drop column password_set_by;
