drop table webhook_deliveries;
drop table webhook_positions;
drop table webhooks;
