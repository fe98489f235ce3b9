//! Owners, permitted addresses and signatures of webhooks.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::app::Settings;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};
use crate::support::receiver::{Mood, Receiver};
use crate::sync::webhooks::{courier, hook, send_until, told};

#[actix_web::test]
async fn secrets_change_without_a_gap() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Good).await;
    let (path, old) = hook(&sap, &receiver, json!(["customer"])).await;
    assert_eq!(sap.get(&path).await.expect(200)["secret"], Value::Null, "shown once");
    let rotated = sap.post(&format!("{path}/rotate-secret"), Value::Null).await;
    assert_eq!(rotated.header("cache-control"), "no-store");
    let rotated = rotated.expect(200);
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, old);
    seller.customer("Lin").await;
    let courier = courier(&service);
    send_until(&courier, &receiver, 1).await;
    receiver.got.borrow()[0].verify(&old);
    receiver.got.borrow()[0].verify(new);
    service.sql("update webhooks set previous_until = now() - interval '1 second'").await;
    seller.customer("Wang").await;
    send_until(&courier, &receiver, 2).await;
    receiver.got.borrow()[1].verify(new);
    let signed = receiver.got.borrow()[1].headers["webhook-signature"].clone();
    assert!(!signed.contains(' '), "one signature after a day");
    let stored = "select 1::text from webhooks, changes where position(secret in
        convert_to(data::text || diff::text, 'utf8')) > 0";
    assert_eq!(service.texts(stored).await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_webhook_is_its_owners() {
    let service = Service::start().await;
    let (sap, other, admin) = (
        service.client(Role::Erp, "sap").await,
        service.client(Role::Erp, "other").await,
        service.actor(Role::Admin).await,
    );
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&sap, &receiver, json!([])).await;
    let tag = [("if-match", "\"1\"")];
    let deliveries = format!("{path}/deliveries");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, deliveries),
        (Method::GET, format!("{path}/history")),
        (Method::PATCH, path.clone()),
        (Method::POST, format!("{path}/rotate-secret")),
        (Method::DELETE, path.clone()),
    ] {
        let body = (method == Method::PATCH).then(|| json!({ "active": false }));
        other.send(method, &path, body, &tag).await.expect(404);
    }
    let list = async |actor: &Actor<'_>| {
        actor.get("/api/v1/webhooks?total=exact").await.expect(200)["total"].as_i64().unwrap()
    };
    assert_eq!((list(&sap).await, list(&other).await, list(&admin).await), (1, 0, 1));
    service.actor(Role::SalesManager).await.get(&path).await.expect(403);
    // An inactive webhook sends nothing. Once active again, it continues where it stopped.
    let seller = service.actor(Role::Salesperson).await;
    sap.patch(&path, 1, json!({ "active": false, "types": ["customer"] })).await.expect(200);
    seller.customer("Lin").await;
    let courier = courier(&service);
    assert_eq!(courier.once().await.unwrap(), 0);
    sap.patch(&path, 2, json!({ "active": true })).await.expect(200);
    send_until(&courier, &receiver, 1).await;
    // The owner of the webhook is not active any more.
    service.sql(&format!("update api_clients set active = false where id = '{}'", sap.id)).await;
    service.directory_changed().await;
    seller.customer("Wang").await;
    told(&admin, 2).await;
    assert_eq!((courier.once().await.unwrap(), receiver.count()), (0, 1));
    admin.send(Method::DELETE, &path, None, &[("if-match", "\"3\"")]).await.expect(204);
    assert_eq!(service.count("webhook_deliveries").await, 0);
}

#[actix_web::test]
async fn addresses_inside_are_refused() {
    let service = Service::start().await;
    let strict = service.another(Settings::default()).await.unwrap();
    let admin = strict.signed_in(service.actor(Role::Admin).await.id);
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://localhost:5432/",
        "https://localhost./",
        "https://LOCALHOST/",
        "https://LocalHost.:8443/",
        "https://foo.localhost/",
        "https://foo.LOCALHOST./",
        "https://local%68ost%2e/",
        "https://ｌｏｃａｌｈｏｓｔ/",
        "https://local\u{ad}host。/",
        "https:\\\\localhost/",
        "https:localhost",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://0177.0.0.1/",
        "https://0x7f000001./",
        "https://１２７.０.０.１/",
        "https://127。0．0｡1/",
        "https://①②⑦.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://[0:0:0:0:0:ffff:127.0.0.1]/",
        "https://localhost@example.com/",
        "https://example.com@localhost/",
        "https://user:secret@example.com/",
        "file:///etc/passwd",
        "nonsense",
    ] {
        let new = json!({ "url": url, "types": ["customer", "nonsense"] });
        let problem = admin.post("/api/v1/webhooks", new).await.expect(422);
        let codes: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
        assert_eq!(codes, ["address_refused", "unknown_value"], "{url}");
    }
    // An address that was accepted earlier is refused when it is used.
    let receiver = Receiver::new(Mood::Good).await;
    let allowed = service.actor(Role::Admin).await;
    let (path, _) = hook(&allowed, &receiver, json!(["customer"])).await;
    service.actor(Role::Salesperson).await.customer("Lin").await;
    let start = Instant::now();
    loop {
        courier(&strict).once().await.unwrap();
        let log = allowed.get(&format!("{path}/deliveries")).await.expect(200);
        if log["items"][0]["attempts"] == 1 {
            assert_eq!(log["items"][0]["error"], "must use https");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{log:#}");
    }
    assert_eq!(receiver.count(), 0);
}

/// The steps of the documentation for receivers without a library.
#[actix_web::test]
async fn what_the_documentation_says_verifies() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Good).await;
    let (_, secret) = hook(&sap, &receiver, json!(["customer"])).await;
    seller.customer("林氏 & Söhne").await;
    send_until(&courier(&service), &receiver, 1).await;
    let text = std::fs::read_to_string("docs/synchronisation.md").unwrap();
    let code = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let code = format!(
        "{code}\nimport sys\ncall = json.load(sys.stdin)\n\
         print(verified(call['secret'], call['headers'], call['body'].encode())['event_id'])"
    );
    let (headers, body) = {
        let got = &receiver.got.borrow()[0];
        (json!(got.headers), String::from_utf8(got.body.clone()).unwrap())
    };
    let verified = |body: &str| {
        let call = json!({ "secret": secret, "headers": headers, "body": body });
        let mut run = Command::new("python3");
        run.args(["-c", &code]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = run.stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(call.to_string().as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        done.status.success().then(|| String::from_utf8(done.stdout).unwrap().trim().to_owned())
    };
    assert_eq!(verified(&body).as_deref(), headers["webhook-id"].as_str());
    assert_eq!(verified(&body.replace("Söhne", "Sohn")), None, "somebody has changed it");
}

#[actix_web::test]
async fn what_a_webhook_has_missed_it_says() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&sap, &receiver, json!(["customer"])).await;
    let courier = courier(&service);
    seller.customer("Lin").await;
    send_until(&courier, &receiver, 1).await;
    let made = sap.get(&path).await.expect(200);
    assert_eq!((&made["missed_until"], &made["version"]), (&Value::Null, &json!(1)));
    // After 91 days of inactivity, the events of that time have expired.
    let slept = "update webhook_positions set read_at = read_at - interval '91 days'";
    service.sql(slept).await;
    courier.once().await.unwrap();
    let woken = sap.get(&path).await.expect(200);
    assert!(woken["missed_until"].is_string(), "{woken:#}");
    assert_eq!(woken["version"], 1, "nobody has changed it");
    seller.customer("Wang").await;
    send_until(&courier, &receiver, 2).await;
    assert_eq!(sap.get(&path).await.expect(200)["missed_until"], woken["missed_until"], "once");
}
