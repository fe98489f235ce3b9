//! All integration tests, one binary: one link, one server, one template database.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod api;
mod attachments;
mod auth;
mod company;
mod complaints;
mod credit;
mod customers;
mod follow_ups;
mod growth;
mod machines;
mod objects;
mod orders;
mod products;
mod receivables;
mod reliability;
mod reports;
mod service;
mod suggestions;
mod support;
mod surveys;
mod sync;
mod targets;
mod visits;
mod worklists;
