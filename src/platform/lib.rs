//! Everything a domain may lean on and that knows no domain.

pub mod batch;
mod bisect;
pub mod changes;
pub mod db;
pub mod embedded;
pub mod error;
pub mod feed;
pub mod fixed_sql;
pub mod input;
pub mod jobs;
pub mod money;
pub mod owned;
pub mod page;
pub mod patch;
pub mod pinyin;
pub mod reply;
pub mod resource;
pub mod secret;
pub mod shape;
pub mod text_enum;
pub mod time;
pub mod write;

pub use changes::Change;
pub use db::{Conn, Db};
pub use embedded::Embedded;
pub use error::{Error, Fault, Problems, Result};
pub use fixed_sql::{FixedSql, fixed_sql};
pub use input::{Json, Path, Query};
pub use money::{Money, Number};
pub use page::{List, NoFilter, PageQuery};
pub use patch::{IfMatch, IfSent, Patch, sent, set};
pub use reply::Reply;
pub use resource::{ACCOUNTS, EVERYBODY, Resource, Tagged};
pub use secret::{Cipher, Seal};
pub use time::{Clock, Date, Timestamp};
pub use write::{Actor, Tx, Write};
