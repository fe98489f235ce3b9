//! Rules that hold for every operation.

pub mod access;
pub mod bodies;
pub mod carriers;
pub mod chinese;
pub mod clients;
pub mod compression;
pub mod deceiving_text;
pub mod definitions;
pub mod external_paths;
pub mod fuzz;
pub mod hidden;
pub mod impossible;
pub mod input;
pub mod keys;
pub mod list_filters;
pub mod list_forms;
pub mod list_secrets;
pub mod openapi;
pub mod search_text;
pub mod unseen_names;
pub mod utf8;
pub mod write;
