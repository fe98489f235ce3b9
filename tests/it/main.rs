//! All integration tests, one binary: one link, one server, one template database.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod access;
mod adventureworks;
mod attainment;
mod auth;
mod bodies;
mod changes;
mod company;
mod contacts;
mod customers;
mod days;
mod docs;
mod fuzz;
mod harness;
mod input;
mod interrupted;
mod inventing;
mod kill;
mod load;
mod logins;
mod machine_tables;
mod machines;
mod money;
mod network;
mod openapi;
mod orders;
mod points;
mod process;
mod products;
mod proxy;
mod raw_http;
mod report_forms;
mod reports;
mod slow;
mod steps;
mod style;
mod target_parts;
mod targets;
mod teams;
mod tokens;
mod totals;
mod traffic;
mod transfers;
mod users;
mod write;
