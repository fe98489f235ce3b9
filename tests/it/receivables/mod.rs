//! Invoices, payments, collections and their figures.

pub mod balances;
pub mod bulk;
pub mod collections;
pub mod credit_notes;
pub mod days;
pub mod digits;
pub mod dunning;
pub mod field_owners;
pub mod invoice_lists;
pub mod invoices;
pub mod letters;
pub mod payments;
pub mod reports;
pub mod rules;
pub mod tables;
pub mod world;
pub mod write_offs;

pub use balances::*;
