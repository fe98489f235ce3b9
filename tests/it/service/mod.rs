//! The program around the API: configuration, command line, demo, documents and packages.

pub mod configuration;
pub mod demo;
pub mod docs;
pub mod imports;
pub mod migrations;
pub mod packaging;
pub mod running;
pub mod style;
