//! A file that belongs to other rows, 附件 (S7, S41, S43, S92): who uploaded it, what it is, and
//! where it is used. Its bytes are a blob, which files with the same bytes share.

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

/// How many hours a file may lie around that nothing names.
const UNATTACHED_HOURS: i64 = 24;

/// Most files of one row.
const MOST: usize = 20;

/// A file, 附件
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable)]
#[diesel(treat_none_as_default_value = false)]
pub struct Attachment {
    pub id: Uuid,
    pub version: i64,
    /// As it was uploaded, without folders
    #[schema(example = "现场照片.jpg")]
    pub name: String,
    /// What it is, by its bytes
    #[schema(inline)]
    pub content_type: ContentType,
    /// In bytes
    #[schema(minimum = 1, example = 482_113)]
    pub size: i64,
    /// Of its bytes, in hexadecimal
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub sha256: String,
    /// Of a JPEG, PNG or WebP, in pixels as it is seen
    #[schema(example = 4000)]
    pub width: Option<i32>,
    #[schema(example = 3000)]
    pub height: Option<i32>,
    /// There is a thumbnail of it
    pub thumbnail: bool,
    pub uploaded_by: Uuid,
    /// When it is deleted unless something names it by then; null once something does
    pub expires_at: Option<Timestamp>,
    /// What it belongs to, as far as you may see it
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
    Attachment: "attachment" at "/api/v1/attachments", seen by |it| vec![Some(it.uploaded_by)]
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
