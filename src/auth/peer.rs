//! The origin of a request, and responses that must not be cached.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, dev::Payload, web::Data};
use platform::{Argument, Error, Result};
use serde::Serialize;

/// `true` if `X-Forwarded-For` holds the client's address: only behind a proxy that writes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrustProxy(pub bool);

/// The address of a request: an IPv4 address, or the /64 network of an IPv6 address.
pub struct Peer(pub String);

/// The origin of a login: address and user agent.
#[derive(Debug, Clone)]
pub struct Origin {
    pub address: String,
    pub user_agent: Option<String>,
}

/// The maximum length of a `User-Agent`, in characters.
const LONGEST: usize = 200;

impl Origin {
    pub fn of(req: &HttpRequest) -> Self {
        let agent = req.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.map(|agent| agent.chars().take(LONGEST).collect());
        Self { address: Peer::of(req).0, user_agent: agent }
    }
}

impl Peer {
    fn of(req: &HttpRequest) -> Self {
        let trusted = req.app_data::<Data<TrustProxy>>().is_some_and(|trust| trust.0);
        // The proxy has added the last address; anyone may have written those before it.
        let last = req.headers().get_all("x-forwarded-for").last();
        let last = last.filter(|_| trusted).and_then(|list| list.to_str().ok()?.rsplit(',').next());
        let last = last.and_then(|address| address.trim().parse::<IpAddr>().ok());
        let address = last.or_else(|| req.peer_addr().map(|peer| peer.ip()));
        Self(address.map_or_else(|| "unknown".to_owned(), group))
    }
}

impl FromRequest for Peer {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req)))
    }
}

impl Argument for Peer {}

/// Returns an address as failures are counted for it. A client with one IPv6 address controls all
/// addresses with the same first 64 bits.
fn group(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A response with `Cache-Control: no-store`.
pub(crate) struct NoStore<T>(pub T);

impl<T: Serialize> Responder for NoStore<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(&self.0)
    }
}
