//! Operations on attachments.

use access::Can;
use actix_web::HttpResponse;
use actix_web::web::Data;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged, Write,
};
use uuid::Uuid;

use super::Attachment;
use super::intake::Intake;
use crate::download::Wanted;
use crate::store::Store;
use crate::upload::{FileBytes, FileForm, Upload, UploadQuery};
use crate::{ReadAttachments, WriteAttachments};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        create_attachment,
        read_attachment,
        read_attachment_content,
        read_attachment_thumbnail,
        delete_attachment,
        list_attachment_history,
    );
}

/// Upload a file
///
/// Send the bytes as the body, or a form with one file; at most 20 MiB. The type is detected from
/// the bytes: photos, PDF, Word and Excel without macros, plain text, voice notes and MP4 are
/// accepted. Within a day, name the id where the file belongs, for example in `attachment_ids` of a
/// visit, a complaint or a follow-up.
#[utoipa::path(
    post, path = "/attachments",
    params(UploadQuery),
    request_body(description = "The file", content(
        (FileBytes = "application/octet-stream"),
        (inline(FileForm) = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "The new attachment", body = Attachment),
        (status = 400, description = "`malformed_json`, `malformed_multipart`, `unreadable_body`"),
        (status = 404, description = "`no_thumbnail`"),
        (status = 413, description = "`body_too_large`"),
        (status = 415, description = "`unsupported_file`, `unsupported_media_type`"),
        (status = 422, description = "`empty_file`, `image_too_large`, `invalid`, \
            `unreadable_image`"),
        (status = 503, description = "`busy_uploading`, `storage_unavailable`"),
        Problems,
    ),
)]
async fn create_attachment(
    _: Can<WriteAttachments>,
    file: Upload,
    intake: Intake,
    write: Write,
) -> Result<Reply> {
    let kept = intake.keep(file).await?;
    write.create(async move |tx| Attachment::create(tx, &kept).await).await
}

/// Read an attachment
///
/// Visible to its uploader and to everyone who can see a row that has it.
#[utoipa::path(
    get, path = "/attachments/{id}",
    responses((status = 200, description = "The attachment", body = Attachment), Problems),
)]
async fn read_attachment(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Attachment>> {
    Ok(Tagged(Attachment::find(&db, &caller, *id).await?))
}

/// Download a file
///
/// Returns the whole file or one range of its bytes. Pictures are sent for display, all other files
/// for saving. The name gets an extension that fits the content type.
#[utoipa::path(
    get, path = "/attachments/{id}/content",
    params(
        ("Range" = Option<String>, Header, description = "One range of bytes",
            example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header,
            description = "The ETag of the range; a file with another ETag is sent whole"),
    ),
    responses(
        (status = 200, description = "The bytes", body = FileBytes, content_type = "*/*"),
        (status = 206, description = "One range of bytes", body = FileBytes, content_type = "*/*"),
        (status = 416, description = "`range_not_satisfiable`"),
        (status = 503, description = "`storage_unavailable`"),
        Problems,
    ),
)]
async fn read_attachment_content(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    wanted: Wanted,
    db: Db,
    store: Data<Store>,
) -> Result<HttpResponse> {
    let attachment = Attachment::find(&db, &caller, *id).await?;
    wanted.of(attachment.file(), &store).await
}

/// Download a thumbnail
///
/// A JPEG of at most 320 pixels on each side. Returns 404 `no_thumbnail` if the file is no JPEG,
/// PNG or WebP.
#[utoipa::path(
    get, path = "/attachments/{id}/thumbnail",
    responses(
        (status = 200, description = "The thumbnail", body = FileBytes,
            content_type = "image/jpeg"),
        (status = 416, description = "`range_not_satisfiable`"),
        (status = 503, description = "`storage_unavailable`"),
        Problems,
    ),
)]
async fn read_attachment_thumbnail(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    wanted: Wanted,
    db: Db,
    store: Data<Store>,
) -> Result<HttpResponse> {
    let attachment = Attachment::find(&db, &caller, *id).await?;
    let thumbnail = attachment.thumbnail(&store).await?;
    wanted.whole().of(thumbnail, &store).await
}

access::delete! {
    /// Delete an attachment
    ///
    /// Possible only for its uploader, and only while no row has it; otherwise 409 `attachment_in_use`.
    delete_attachment: "/attachments/{id}", WriteAttachments, Attachment,
    "The attachment was deleted"
}

/// List the history of an attachment
///
/// Latest first. The use of a file is in the history of the rows that have it.
#[utoipa::path(
    get, path = "/attachments/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of the history", body = HistoryPage), Problems),
)]
async fn list_attachment_history(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let attachment = Attachment::find(&db, &caller, *id).await?;
    let mut conn = db.conn().await?;
    changes::history(&mut conn, &attachment, &list).await
}
