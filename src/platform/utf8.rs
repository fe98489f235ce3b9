//! Refuses text that is not UTF-8, because the decoders of URLs and forms would silently replace it
//! by U+FFFD.

use actix_web::http::Uri;
use actix_web::http::header::HeaderMap;
use percent_encoding::percent_decode;

use super::error::{Error, Fault, Result};

/// Checks whether percent-encoded text, such as a form, is UTF-8 when it is decoded.
pub fn is_utf8(encoded: &[u8]) -> bool {
    percent_decode(encoded).decode_utf8().is_ok()
}

/// Checks path, query and headers of a request, regardless of whether an operation reads them.
pub fn check(uri: &Uri, headers: &HeaderMap) -> Result<()> {
    if !is_utf8(uri.path().as_bytes()) {
        return Err(Error::bad_request("invalid_path", "The path is not valid UTF-8."));
    }

    let pairs = uri.query().unwrap_or_default().split('&');
    let faults = pairs.filter(|pair| !is_utf8(pair.as_bytes())).map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent_decode(name.as_bytes()).decode_utf8_lossy();
        let at = format!("/{name}");
        Fault::new(at, "invalid_encoding", "not valid UTF-8")
    });
    let faults: Vec<_> = faults.collect();
    if !faults.is_empty() {
        return Err(Error::bad_request("invalid_query", "A query parameter is not valid UTF-8.")
            .faults(faults));
    }

    match headers.iter().find(|(_, value)| str::from_utf8(value.as_bytes()).is_err()) {
        Some((name, _)) => Err(Error::bad_request(
            "invalid_header",
            format!("The header `{name}` is not valid UTF-8."),
        )),
        None => Ok(()),
    }
}
