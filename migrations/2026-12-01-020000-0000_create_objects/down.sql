drop table objects;
drop table object_numbers;
drop table object_type_versions;
drop table object_types;
