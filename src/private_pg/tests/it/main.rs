//! A real PostgreSQL, in folders of its own, killed in all the ways that we know of.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod closed;
mod crash;
mod harness;
mod identity;
mod start;
