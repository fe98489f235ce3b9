//! Webhook receivers without a valid certificate: they get no events until the certificate is
//! valid.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::time::sleep;

use crate::support::harness::Service;
use crate::support::process::{Caller, Process};
use crate::support::receiver::{Mood, Receiver};

/// Time limit on a busy machine, after several attempts.
const PATIENCE: Duration = Duration::from_mins(2);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, format!("{name} in the tests"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The TLS settings of a server, with a certificate of this authority or a self-signed one.
fn shown(name: &str, until: i32, by: Option<&Authority>) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    // The name differs from those of all authorities of the machine.
    params.distinguished_name.push(DnType::CommonName, format!("{name} in the tests"));
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        Some(by) => params.signed_by(&key, by).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

async fn hook(admin: &Caller, receiver: &Receiver) -> String {
    let new = json!({ "url": receiver.secure_url(), "types": ["customer"] });
    let told = admin.post("/webhooks", &new, "").await.unwrap();
    assert_eq!(told.status, 201, "{}", told.body);
    format!("/webhooks/{}/deliveries", told.id())
}

#[actix_web::test]
async fn a_receiver_with_bad_tls() {
    let service = Service::start().await;
    let trusted = authority("trusted");
    let mut process = Process::new();
    let roots = process.folder.join("roots.pem");
    std::fs::write(&roots, trusted.pem()).unwrap();
    process.set("SSL_CERT_FILE", roots.to_str().unwrap());
    process.set("SALESBOOK_WEBHOOK_LOOPBACK", "true");
    process.set("DATABASE_URL", &service.url());
    process.start();
    process.ready(PATIENCE).await;
    let admin = process.admin().await;

    let fine = shown("localhost", 2090, Some(&trusted));
    let bad = [
        (Some(shown("localhost", 2090, None)), "UnknownIssuer"),
        (Some(shown("localhost", 2090, Some(&authority("unknown")))), "UnknownIssuer"),
        (Some(shown("other.example", 2090, Some(&trusted))), "not valid for name"),
        (Some(shown("localhost", 2021, Some(&trusted))), "expired"),
        // A server without TLS, which never answers.
        (None, "no answer in time"),
    ];
    let mut receivers = vec![];
    for (tls, why) in bad {
        let receiver = Receiver::new(Mood::Good).await;
        *receiver.tls.borrow_mut() = tls;
        let log = hook(&admin, &receiver).await;
        receivers.push((receiver, log, why));
    }
    let good = Receiver::new(Mood::Good).await;
    *good.tls.borrow_mut() = Some(fine.clone());
    hook(&admin, &good).await;
    let new = json!({ "name": "Geheimnis", "allow_duplicate": true });
    assert_eq!(admin.post("/customers", &new, "k").await.unwrap().status, 201);

    let start = Instant::now();
    for (_, log, why) in &receivers {
        let tried = loop {
            let log = admin.get(log).await.unwrap().body;
            let first = log["items"].as_array().and_then(|it| it.first().cloned());
            if let Some(first) = first.filter(|it| it["attempts"] != 0) {
                break first;
            }
            assert!(start.elapsed() < PATIENCE, "{why}: {log:#}");
            sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(
            (&tried["status"], &tried["response_status"]),
            (&json!("pending"), &json!(null))
        );
        let error = tried["error"].as_str().unwrap();
        println!("{error}");
        assert!(error.contains(why), "{why}: {error}");
    }
    for (receiver, _, why) in &receivers {
        assert_eq!(receiver.count(), 0, "{why}");
        let heard = receiver.heard.borrow();
        let heard = String::from_utf8_lossy(&heard);
        let plain = ["POST", "webhook", "Geheimnis"].iter().any(|it| heard.contains(it));
        assert!(!plain, "{why}: {heard}");
    }
    let (plain, ..) = receivers.last().unwrap();
    assert_eq!(plain.heard.borrow().first(), Some(&0x16), "it was asked for TLS");

    // After the repair, the receivers get the missed events.
    for (receiver, ..) in &receivers {
        *receiver.tls.borrow_mut() = Some(fine.clone());
    }
    let start = Instant::now();
    while receivers.iter().any(|it| it.0.count() == 0) || good.count() == 0 {
        assert!(start.elapsed() < PATIENCE, "{}", process.log());
        sleep(Duration::from_millis(50)).await;
    }
    let event = good.got.borrow()[0].event();
    assert!(receivers.iter().all(|it| it.0.got.borrow()[0].event() == event));
}
