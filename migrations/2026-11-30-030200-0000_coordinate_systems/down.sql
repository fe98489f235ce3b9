alter table visit_checks drop sent_coordinate_system, drop sent_latitude, drop sent_longitude;
alter table customers drop sent_coordinate_system, drop sent_latitude, drop sent_longitude;
alter table company drop coordinate_system;
