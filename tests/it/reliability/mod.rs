//! Tests of faults, sudden deaths, concurrency and load.

pub mod bad_receivers;
pub mod bad_tls;
pub mod batch_workers;
pub mod committed;
pub mod endings;
pub mod erp_sync;
pub mod followed;
pub mod hostile;
pub mod instances;
pub mod interrupted;
pub mod kill;
pub mod load;
pub mod merge_races;
pub mod network;
pub mod newcomers;
pub mod points;
pub mod raw_http;
pub mod receivables_points;
pub mod receivables_steps;
pub mod rivals;
pub mod slow;
pub mod steps;
pub mod twins;
pub mod visits_points;
pub mod visits_steps;
pub mod webhook_steps;
