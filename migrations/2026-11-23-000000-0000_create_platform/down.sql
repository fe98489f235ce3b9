drop table jobs, secrets, idempotency_keys, feed_epoch, changes;
drop sequence changes_seq;
