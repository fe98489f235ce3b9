-- Who wrote an order first does not change when another system gives it a number.
alter table orders add column taken_here boolean not null default false;
update orders set taken_here = true where source_system is null;
