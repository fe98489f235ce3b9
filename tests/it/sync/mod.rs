//! Synchronisation with other systems: batches, external ids, the change feed and webhooks.

pub mod batch_final_state;
pub mod batch_memory;
pub mod batch_size;
pub mod changes;
pub mod erp_day;
pub mod external_ids;
pub mod feed;
pub mod feed_views;
pub mod first_nulls;
pub mod parked;
pub mod parked_size;
pub mod side_effects;
pub mod source_rule;
pub mod webhook_rules;
pub mod webhook_tests;
pub mod webhooks;
