//! Visitors without a login: their language, their kind of client and their rate limit.

use std::future::{Ready, ready};

use actix_web::http::header::ACCEPT;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, dev::Payload, web};
use auth::peer::Peer;
use company::company::Language;
use platform::language::{prefers_chinese, weighted};
use platform::{Actor, Argument, Error, Fault, Result, text_enum};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Limiter, page};

text_enum! {
    pub enum PageLanguage {
        /// 中文
        Chinese = "zh",
        English = "en",
    }
}

/// Language of the page. Other parameters are ignored, because mail programs add their own to
/// links.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "documents parameters that are read manually")]
pub struct PublicQuery {
    /// Default: the preferred language of `Accept-Language`
    #[param(inline)]
    lang: Option<PageLanguage>,
}

/// A person with a link. Their changes are recorded with the nil id as the actor.
#[derive(Debug)]
pub struct Visitor {
    pub language: Language,
    pub reads_pages: bool,
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let peer = Peer::from_request(req, payload).into_inner();
        let limiter = req.app_data::<web::Data<Limiter>>().expect("the app registers the limiter");
        ready(peer.and_then(|peer| limiter.check(&peer.0)).and_then(|()| {
            req.extensions_mut().insert(Actor { id: Uuid::nil(), machine: false });
            let wrong = || {
                let fault = Fault::new("/lang", "unknown_value", "must be `zh` or `en`");
                Error::bad_request("invalid_query", "").faults(vec![fault])
            };
            let language = asked_for(req).map_err(|()| wrong())?;
            let language = language.unwrap_or_else(|| spoken(req));
            Ok(Self { language, reads_pages: reads_pages(req) })
        }))
    }
}

impl Argument for Visitor {}

/// Returns the language named in the address, if any.
fn asked_for(req: &HttpRequest) -> Result<Option<Language>, ()> {
    let query = web::Query::<Vec<(String, String)>>::from_query(req.query_string());
    let pairs = query.map_err(|_| ())?.into_inner();
    let Some((_, lang)) = pairs.iter().find(|pair| pair.0 == "lang") else { return Ok(None) };
    match lang.as_str() {
        "zh" => Ok(Some(Language::Chinese)),
        "en" => Ok(Some(Language::English)),
        _ => Err(()),
    }
}

/// Returns the preferred one of the supported languages, or Chinese if none is accepted.
fn spoken(req: &HttpRequest) -> Language {
    match prefers_chinese(req.headers()) {
        Some(false) => Language::English,
        _ => Language::Chinese,
    }
}

/// Returns true for browsers, which name HTML. Programs that accept anything get JSON.
fn reads_pages(req: &HttpRequest) -> bool {
    let weight = |kind: &str| {
        let accepted = weighted(req.headers(), &ACCEPT).into_iter();
        accepted.filter(|range| range.0 == kind).map(|range| range.1).max().unwrap_or(0)
    };
    let pages = weight("text/html").max(weight("text/*"));
    pages > 0 && pages >= weight("application/json")
}

/// Returns true for the paths that customers open without a login.
pub fn is_public(path: &str) -> bool {
    path.starts_with("/public/")
}

/// Replaces a failed answer with a page if the client reads pages.
pub fn readable(req: &HttpRequest, code: &str, answer: HttpResponse) -> HttpResponse {
    if !is_public(req.path()) || !reads_pages(req) {
        return answer;
    }
    let language = asked_for(req).ok().flatten().unwrap_or_else(|| spoken(req));
    page::refusal(code, language, &answer)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT_LANGUAGE;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn languages_and_forms() {
        let language = |text: &str| {
            spoken(&TestRequest::default().insert_header((ACCEPT_LANGUAGE, text)).to_http_request())
        };
        assert_eq!(spoken(&TestRequest::default().to_http_request()), Language::Chinese);
        assert_eq!(language("en-GB,en;q=0.9,zh;q=0.8"), Language::English);
        assert_eq!(language("fr,en;q=0.5,zh-Hant;q=0.6"), Language::Chinese);
        assert_eq!(language("fr, *;q=0.1"), Language::Chinese);
        assert_eq!(language("zh;q=0, en;q=0.1"), Language::English);
        let pages = |text: &str| {
            reads_pages(&TestRequest::default().insert_header((ACCEPT, text)).to_http_request())
        };
        assert!(pages("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!pages("*/*") && !pages("application/json") && !pages(""));
        assert!(!pages("application/json, text/html;q=0.5"));
        let asked = |uri: &str| asked_for(&TestRequest::with_uri(uri).to_http_request());
        assert_eq!(asked("/?utm_source=mail&lang=en"), Ok(Some(Language::English)));
        assert_eq!(asked("/?utm_source=mail"), Ok(None));
        assert_eq!(asked("/?lang=%3Cscript%3E"), Err(()));
    }
}
