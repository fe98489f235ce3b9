//! The addresses that webhooks may use: those of the internet, never those of the network in which
//! the service runs. An address is checked when it is entered and again whenever it is used. The
//! connection goes to exactly the IP address that was checked, even if the name resolves to another
//! one later.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The reason for refusing an address.
pub type Refusal = &'static str;

/// Checks an address without resolving its name. The parser has normalised IP addresses in unusual
/// spellings, such as `http://2130706433/` or `0x7f.1`. `loopback` allows receivers on this
/// machine.
pub fn check(url: &str, loopback: bool) -> Result<Url, Refusal> {
    let url = Url::parse(url).map_err(|_| "must be an absolute URL")?;
    let host = url.host_str().ok_or("must be an absolute URL")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ip: Option<IpAddr> = bare.parse().ok();
    // A dot at the end of a name does not change its meaning.
    let name = host.trim_end_matches('.');
    let named_local = name == "localhost" || name.ends_with(".localhost");
    let local = ip.map_or(named_local, |ip| ip.is_loopback());

    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must not contain a user, a password or a fragment");
    }
    match url.scheme() {
        "https" => {}
        "http" if loopback && local => {}
        _ => return Err("must use https"),
    }
    let allowed = match ip {
        Some(ip) => may(ip, loopback),
        None => loopback || !named_local,
    };
    if allowed { Ok(url) } else { Err("must be an address on the public internet") }
}

/// Checks whether connections to this IP address are allowed.
pub fn may(ip: IpAddr, loopback: bool) -> bool {
    if ip.is_loopback() {
        return loopback;
    }
    match ip {
        IpAddr::V4(ip) => is_public(ip),
        IpAddr::V6(ip) => is_global(ip),
    }
}

/// Checks that an address is not in IANA's registry of special-purpose addresses (RFC 6890).
fn is_public(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18);
    !special
}

/// Checks for global unicast addresses, apart from those that embed IPv4 addresses (6to4, Teredo)
/// and those for documentation. Mapped, compatible and NAT64 addresses are not global unicast
/// anyway.
fn is_global(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let unicast = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || a & 0xfff0 == 0x3ff0;
    unicast && !special
}

/// Resolves names. Replaced in tests.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The resolver of the HTTP client. It returns only allowed addresses. If a name has one that is
/// not allowed, it fails.
pub struct Guard {
    pub loopback: bool,
    pub lookup: Lookup,
}

impl Guard {
    pub fn new(loopback: bool) -> Self {
        let lookup: Lookup = Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        });
        Self { loopback, lookup }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (looking, loopback) = ((self.lookup)(name.as_str().to_owned()), self.loopback);
        Box::pin(async move {
            let found = looking.await?;
            if found.is_empty() || !found.iter().all(|ip| may(*ip, loopback)) {
                return Err(REFUSED.into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// The error of a refused name in the log of deliveries.
pub const REFUSED: &str = "the host name resolves to an address that is not on the public internet";

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn nothing_inside_is_reached() {
        let refused = [
            "http://example.com/",
            "ftp://example.com/",
            "https://user:secret@example.com/",
            "https://example.com/#part",
            "https://localhost/",
            "https://a.localhost/",
            "https://localhost./",
            "https://a.LOCALHOST./",
            "https://127.0.0.1./",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://10.1.2.3/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://192.0.0.192/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::]/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://[2001:db8::1]/",
            "https://[fe80::1]/",
            "https://[fec0::1]/",
            "https://[fd00::1]/",
            "https://[ff02::1]/",
            "nonsense",
        ];
        for url in refused {
            assert!(check(url, false).is_err(), "{url}");
        }
        for url in ["https://example.com/a?b=c", "https://8.8.8.8:8443/", "https://[2600::1]/"] {
            assert!(check(url, false).is_ok(), "{url}");
        }
        for url in ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"] {
            assert!(check(url, true).is_ok() && check(url, false).is_err(), "{url}");
        }
        for url in ["http://10.0.0.1/", "https://169.254.169.254/", "http://example.com/"] {
            assert!(check(url, true).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_round_is_not_followed() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let lookup: Lookup = Arc::new(move |_| {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            let ip: IpAddr = if first { [8, 8, 8, 8] } else { [127, 0, 0, 1] }.into();
            Box::pin(async move { Ok(vec![ip]) })
        });
        let guard = Guard { loopback: false, lookup };
        let name = || "rebind.example".parse::<Name>().unwrap();
        let good: Vec<_> = guard.resolve(name()).await.unwrap().collect();
        assert_eq!(good, ["8.8.8.8:0".parse().unwrap()]);
        assert_eq!(guard.resolve(name()).await.err().unwrap().to_string(), REFUSED);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        let mixed: Lookup =
            Arc::new(|_| Box::pin(async { Ok(vec![[8, 8, 8, 8].into(), [10, 0, 0, 1].into()]) }));
        assert!(Guard { loopback: false, lookup: mixed }.resolve(name()).await.is_err());
    }
}
