-- Who set a person's password: nobody widens the scope of a login that they know. Not a
-- reference, because an API client may set one.
alter table users add column password_set_by uuid;
