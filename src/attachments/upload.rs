//! Uploads of files: the raw body, or the only part of a form.

use actix_multipart::Multipart;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use futures_util::stream::{StreamExt, once};
use platform::share::Room;
use platform::{Argument, Error, Query, Result, input};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::name;

/// Largest file, in bytes.
const LARGEST: usize = 20 << 20;
/// Bytes that a form may add to the file.
const FRAME: usize = 64 << 10;

/// Query parameters of an upload.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// Name of the file. Default: the name in `Content-Disposition` or in the form
    #[param(min_length = 1, max_length = 255, example = "现场照片.jpg")]
    name: Option<String>,
}

/// The bytes of a file
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "for the document only")]
pub struct FileBytes(Vec<u8>);

/// A form with the file as its only part
#[derive(ToSchema)]
#[allow(dead_code, reason = "for the document only")]
pub struct FileForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// One uploaded file, not checked yet, with its name if it has one.
pub struct Upload {
    pub name: Option<String>,
    pub bytes: Bytes,
    /// Released when the bytes are in the store, not when the client disconnects
    pub room: Option<Room>,
}

impl FromRequest for Upload {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let query = Query::<UploadQuery>::from_request(req, payload).into_inner();
        let form = input::media_type(req) == "multipart/form-data";
        let body = input::file(req, payload, if form { LARGEST + FRAME } else { LARGEST });
        let req = req.clone();
        async move {
            let given = query?.name.clone();
            let body = body.await?;
            let room = Room::taken_by(&req);

            let mut sent = if form {
                part_of(&req, body).await?
            } else {
                let header = req.headers().get(CONTENT_DISPOSITION);
                let header = header.and_then(|value| ContentDisposition::from_raw(value).ok());
                let name = header.as_ref().map(name::sent_in).transpose()?.flatten();
                Self { name, bytes: body, room: None }
            };
            if sent.bytes.is_empty() {
                return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "empty_file"));
            }

            sent.room = room;
            sent.name = given.or(sent.name).as_deref().and_then(name::clean);
            // A repeated form has another boundary, but is the same request nevertheless.
            let name = sent.name.as_deref().unwrap_or_default();
            input::same_by(&req, &[name.as_bytes(), &sent.bytes]);
            Ok(sent)
        }
        .boxed_local()
    }
}

impl Argument for Upload {}

/// Returns the only part of a form.
async fn part_of(req: &HttpRequest, body: Bytes) -> Result<Upload> {
    let malformed = |why: String| Error::bad_request("malformed_multipart", why);
    let body = once(ready(Ok::<_, PayloadError>(body)));
    let mut parts = Multipart::new(req.headers(), body);
    let mut found = None;

    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|error| malformed(error.to_string()))?;
        let name = part.content_disposition().map(name::sent_in).transpose()?.flatten();
        let bytes = part.bytes(LARGEST).await.map_err(|_| input::too_large())?;
        let bytes = bytes.map_err(|error| malformed(error.to_string()))?;
        if found.replace(Upload { name, bytes, room: None }).is_some() {
            return Err(malformed("The form must have exactly one part, the file.".into()));
        }
    }
    found.ok_or_else(|| malformed("The form contains no file.".into()))
}
