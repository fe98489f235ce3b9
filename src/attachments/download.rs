//! Downloads of files: whole or in part, and never as something that a browser would run.

use std::future::{Ready, ready};
use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue, HeaderName,
};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, dev::Payload};
use platform::resource::is_known;
use platform::{Argument, Error, Result};
use uuid::Uuid;

use crate::content_type::ContentType;
use crate::name;
use crate::store::{Part, Store};

/// Forbids scripts, styles and frames, whatever the file contains.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// A file to send.
pub struct Download {
    pub blob: Uuid,
    pub part: Part,
    pub size: u64,
    /// ETag, which changes with the bytes
    pub tag: String,
    pub name: String,
    pub content_type: ContentType,
}

/// The requested range, and the version that the client has already.
pub struct Wanted {
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<String>,
}

impl FromRequest for Wanted {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = |name: HeaderName| Some(req.headers().get(name)?.to_str().ok()?.to_owned());
        ready(Ok(Self {
            range: text(header::RANGE),
            if_range: text(header::IF_RANGE),
            if_none_match: text(header::IF_NONE_MATCH),
        }))
    }
}

impl Argument for Wanted {}

impl Wanted {
    /// Ignores the requested range.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { range: None, ..self }
    }

    pub async fn of(self, file: Download, store: &Store) -> Result<HttpResponse> {
        if self.if_none_match.as_deref().is_some_and(|known| is_known(known, &file.tag)) {
            return Ok(headed(&file, StatusCode::NOT_MODIFIED).finish());
        }

        let range = self.range(&file)?;
        let bytes = store.read(file.blob, file.part, range.clone()).await?;
        let partial = StatusCode::PARTIAL_CONTENT;
        let mut response = headed(&file, if range.is_some() { partial } else { StatusCode::OK });
        if let Some(Range { start, end }) = &range {
            let range = format!("bytes {start}-{}/{}", end - 1, file.size);
            response.insert_header((header::CONTENT_RANGE, range));
        }
        let sent = range.map_or(file.size, |range| range.end - range.start);
        Ok(response.body(SizedStream::new(sent, bytes)))
    }

    /// Returns the requested range. Several ranges, an invalid one, or a range of a version that is
    /// no longer current mean the whole file.
    fn range(&self, file: &Download) -> Result<Option<Range<u64>>> {
        let Some(text) = &self.range else { return Ok(None) };
        let changed = self.if_range.as_ref().is_some_and(|tag| *tag != file.tag);
        let Ok(header::Range::Bytes(ranges)) = text.parse() else { return Ok(None) };
        let ([one], false) = (ranges.as_slice(), changed) else { return Ok(None) };
        let beyond = || {
            let size = format!("bytes */{}", file.size);
            Error::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable")
                .header(header::CONTENT_RANGE, size)
        };
        let (first, last) = one.to_satisfiable_range(file.size).ok_or_else(beyond)?;
        Ok(Some(first..last + 1))
    }
}

fn headed(file: &Download, status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    let kind = file.content_type.as_str();
    let text = file.content_type == ContentType::Text;
    let kind = if text { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    response
        .content_type(kind)
        .insert_header((header::ETAG, file.tag.as_str()))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::VARY, "Authorization"))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header(disposition(file));
    response
}

/// Pictures are displayed, all other files are saved.
fn disposition(file: &Download) -> ContentDisposition {
    let inline = file.content_type.is_image();
    let name = name::saved(&file.name, file.content_type);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    // For clients that only know the older form.
    let ascii = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let value = name.into_bytes();
    let extended =
        ExtendedValue { charset: Charset::Ext("UTF-8".into()), language_tag: None, value };
    ContentDisposition {
        disposition: if inline { DispositionType::Inline } else { DispositionType::Attachment },
        parameters: vec![
            DispositionParam::Filename(ascii),
            DispositionParam::FilenameExt(extended),
        ],
    }
}
