//! The environment of the tests: services, users, databases, proxies, and generated requests.

pub mod bad_bodies;
pub mod follower;
pub mod gate;
pub mod harness;
pub mod inventing;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod sampling;
pub mod scratch;
pub mod traffic;
#[allow(dead_code, reason = "the tests of the crate `exchange` have these, too")]
pub mod workbooks;
