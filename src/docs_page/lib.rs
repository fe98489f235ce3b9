//! The API page at `/docs/`: Swagger UI with the document of this service, without external
//! connections.
//!
//! `scripts/vendor-docs-page.sh` fetches Swagger UI from the npm registry. Its two files are kept
//! and served compressed, because every browser accepts gzip.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ContentEncoding};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, get};
use platform::{Error, Path, Result};

/// A file of the page: name, media type, content.
type File = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const PLAIN: [File; 3] = [
    ("", HTML, include_bytes!("index.html")),
    ("page.css", CSS, include_bytes!("page.css")),
    ("page.js", SCRIPT, include_bytes!("page.js")),
];

const COMPRESSED: [File; 2] = [
    ("swagger-ui.css", CSS, include_bytes!("swagger-ui.css.gz")),
    ("swagger-ui-bundle.js", SCRIPT, include_bytes!("swagger-ui-bundle.js.gz")),
];

/// Serves the page, and redirects the addresses at which people look for it. Not part of the API
/// document.
pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(web::redirect("/", "/docs/"))
        .service(web::redirect("/docs", "/docs/"))
        .service(read_page);
}

#[get("/docs/{file:.*}")]
async fn read_page(file: Path<String>) -> Result<HttpResponse> {
    let find = |files: &'static [File]| files.iter().find(|known| known.0 == *file);
    let (found, is_compressed) = match find(&PLAIN) {
        Some(found) => (found, false),
        None => (find(&COMPRESSED).ok_or_else(Error::not_found)?, true),
    };
    Ok(answer(found, is_compressed))
}

fn answer(&(_, media_type, content): &File, is_compressed: bool) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    // A new version of the service may have other content under these names.
    answer.content_type(media_type).insert_header((CACHE_CONTROL, "public, max-age=3600"));
    if is_compressed {
        answer.insert_header((CONTENT_ENCODING, ContentEncoding::Gzip));
    }
    answer.body(content)
}
