//! Tests with a real PostgreSQL in temporary folders, which is killed in various ways.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod closed;
mod crash;
mod harness;
mod identity;
mod start;
