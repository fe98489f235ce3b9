-- Positions are in WGS 84 for all that is computed, and kept as they were sent.
alter table company add coordinate_system text not null default 'wgs84'
    constraint company_coordinate_system_check check (coordinate_system in ('wgs84', 'gcj02', 'bd09'));
alter table company alter coordinate_system drop default;

alter table customers add sent_coordinate_system text
        constraint customers_sent_system_check
        check (sent_coordinate_system in ('wgs84', 'gcj02', 'bd09')),
    add sent_latitude double precision, add sent_longitude double precision;
-- One pass over the table, in place of an update of each row with all its indexes.
alter table customers
    alter sent_coordinate_system type text using case when latitude is not null then 'wgs84' end,
    alter sent_latitude type double precision using latitude,
    alter sent_longitude type double precision using longitude;

alter table visit_checks add sent_coordinate_system text
        constraint visit_checks_sent_system_check
        check (sent_coordinate_system in ('wgs84', 'gcj02', 'bd09')),
    add sent_latitude double precision, add sent_longitude double precision;
-- One pass over the table, in place of an update of each row with all its indexes.
alter table visit_checks
    alter sent_coordinate_system type text using case when latitude is not null then 'wgs84' end,
    alter sent_latitude type double precision using latitude,
    alter sent_longitude type double precision using longitude;
