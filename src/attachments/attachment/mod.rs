//! Attachments, 附件: files that belong to other rows, with their uploader, their type and their use.
//! The bytes are a blob, which files with the same bytes share.

mod blob;
mod db;
pub mod http;
mod intake;

use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use platform::{Embedded, FixedSql, Timestamp, fixed_sql, resource};
use schema::attachments;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::content_type::ContentType;
use crate::download::Download;
use crate::store::Part;

pub use blob::{delete_doomed, watch};
pub use db::{attach, detach, expire};

/// Hours after which a file is deleted if no row names it.
const UNATTACHED_HOURS: i64 = 24;

/// Largest number of files of one row.
const MOST: usize = 20;

/// A file, 附件
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable)]
#[diesel(treat_none_as_default_value = false)]
pub struct Attachment {
    pub id: Uuid,
    pub version: i64,
    /// Name as uploaded, without folders
    #[schema(example = "现场照片.jpg")]
    pub name: String,
    /// Type, detected from the bytes
    #[schema(inline)]
    pub content_type: ContentType,
    /// Size in bytes
    #[schema(minimum = 1, example = 482_113)]
    pub size: i64,
    /// SHA-256 of the bytes, in hexadecimal
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub sha256: String,
    /// Width in pixels as displayed; only for JPEG, PNG and WebP
    #[schema(example = 4000)]
    pub width: Option<i32>,
    #[schema(example = 3000)]
    pub height: Option<i32>,
    /// True if there is a thumbnail
    pub thumbnail: bool,
    pub uploaded_by: Uuid,
    /// Time at which the file is deleted if no row names it by then; null once a row does
    pub expires_at: Option<Timestamp>,
    /// Rows that have this file, as far as you can see them
    #[schema(value_type = Vec<AttachedTo>)]
    #[diesel(skip_insertion)]
    #[diesel(select_expression = nothing(), select_expression_type = Nothing)]
    pub attached_to: Embedded<Vec<AttachedTo>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    blob_id: Uuid,
}

type Nothing = FixedSql<Jsonb>;

fn nothing() -> Nothing {
    fixed_sql("'[]'::jsonb")
}

/// A row that has this file
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttachedTo {
    #[serde(rename = "type")]
    #[schema(example = "visit")]
    pub type_: String,
    pub id: Uuid,
}

resource! {
    Attachment: "attachment" at "/api/v1/attachments",
    seen by attachments [Person(uploaded_by)]
}

impl Attachment {
    fn file(self) -> Download {
        Download {
            blob: self.blob_id,
            part: Part::File,
            size: self.size.unsigned_abs(),
            tag: format!("\"{}\"", self.sha256),
            name: self.name,
            content_type: self.content_type,
        }
    }

    fn small(self, size: u64) -> Download {
        let tag = format!("\"{}-thumbnail\"", self.sha256);
        let content_type = ContentType::Jpeg;
        Download { part: Part::Thumbnail, size, tag, content_type, ..self.file() }
    }
}
