//! All integration tests, one binary: one link, one server, one template database.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod access;
mod auth;
mod changes;
mod customers;
mod harness;
mod input;
mod logins;
mod openapi;
mod products;
mod style;
mod teams;
mod tokens;
mod users;
mod write;
