//! The operations on attachments.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post};
use auth::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Attachment;
use super::intake::Intake;
use crate::download::Wanted;
use crate::store::Store;
use crate::upload::{FileBytes, FileForm, Upload, UploadQuery};
use crate::{ReadAttachments, WriteAttachments};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(create_attachment)
        .service(read_attachment)
        .service(read_attachment_content)
        .service(read_attachment_thumbnail)
        .service(delete_attachment)
        .service(list_attachment_history);
}

/// Upload a file
///
/// The bytes as the body, or a form with one file; at most 20 MiB. What it is, is told by its
/// bytes: photos, PDF, Word and Excel without macros, plain text, voice notes, MP4. Then name its
/// id where it belongs, within a day: in `attachment_ids` of a visit, a complaint, a follow-up.
#[utoipa::path(
    tag = "attachments",
    params(UploadQuery),
    request_body(description = "The file", content(
        (FileBytes = "application/octet-stream"),
        (inline(FileForm) = "multipart/form-data"),
    )),
    responses((status = 201, description = "The new attachment", body = Attachment), Problems),
)]
#[post("/attachments")]
async fn create_attachment(
    _: Can<WriteAttachments>,
    file: Upload,
    intake: Intake,
    write: Write,
) -> Result<Reply> {
    let kept = intake.keep(file).await?;
    write.create(async move |tx| Attachment::create(tx, &kept).await).await
}

/// Read what is known of a file
///
/// Its uploader sees it, and whoever sees a row that has it.
#[utoipa::path(
    tag = "attachments",
    responses((status = 200, description = "The attachment", body = Attachment), Problems),
)]
#[get("/attachments/{id}")]
async fn read_attachment(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Attachment>> {
    Ok(Tagged(Attachment::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Read a file
///
/// Whole, or one range of its bytes. Pictures are meant to be shown, all else to be saved; its
/// name then ends as its content type does.
#[utoipa::path(
    tag = "attachments",
    params(
        ("Range" = Option<String>, Header, description = "One range of bytes",
            example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header,
            description = "The ETag that the range is of; if it is another by now: the whole"),
    ),
    responses(
        (status = 200, description = "The bytes", body = FileBytes, content_type = "*/*"),
        (status = 206, description = "A range of them", body = FileBytes, content_type = "*/*"),
        Problems,
    ),
)]
#[get("/attachments/{id}/content")]
async fn read_attachment_content(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    wanted: Wanted,
    db: Db,
    store: Data<Store>,
) -> Result<HttpResponse> {
    let attachment = Attachment::find(&mut *db.conn().await?, &caller, *id).await?;
    wanted.of(attachment.file(), &store).await
}

/// Read a thumbnail
///
/// A JPEG of at most 320 pixels on a side; 404 `no_thumbnail` for what is no JPEG, PNG or WebP.
#[utoipa::path(
    tag = "attachments",
    responses((status = 200, description = "The thumbnail", body = FileBytes,
        content_type = "image/jpeg"), Problems),
)]
#[get("/attachments/{id}/thumbnail")]
async fn read_attachment_thumbnail(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    wanted: Wanted,
    db: Db,
    store: Data<Store>,
) -> Result<HttpResponse> {
    let attachment = Attachment::find(&mut *db.conn().await?, &caller, *id).await?;
    let thumbnail = attachment.thumbnail(&store).await?;
    wanted.whole().of(thumbnail, &store).await
}

/// Delete a file
///
/// Only its uploader does, and only while nothing has it: 409 `attachment_in_use`.
#[utoipa::path(
    tag = "attachments",
    responses((status = 204, description = "It is gone"), Problems),
)]
#[delete("/attachments/{id}")]
async fn delete_attachment(
    caller: Can<WriteAttachments>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Attachment::delete(tx, &caller, *id, based_on).await).await
}

/// What happened to a file
///
/// Latest first. Where it is used stands in the history of what uses it.
#[utoipa::path(
    tag = "attachments",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/attachments/{id}/history")]
async fn list_attachment_history(
    caller: Can<ReadAttachments>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let attachment = Attachment::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &attachment, &list).await
}
