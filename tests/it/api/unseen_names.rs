//! Invisible names, names without letters, and user names in other scripts.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::Service;
use crate::targets::codes;

const UNSEEN: [&str; 9] = [
    "\u{200b}",
    "\u{200d}\u{200c}",
    "\u{3164}",
    "\u{115f}\u{1160}\u{ffa0}",
    "\u{2800}\u{2800}",
    "\u{fe0f}\u{fe0e}",
    "\u{ad}\u{2060}\u{feff}",
    "\u{3000} \u{a0}",
    "\u{e0100}\u{180e}",
];

#[actix_web::test]
async fn a_name_that_cannot_be_seen_is_refused() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin & Sons").await;
    let id = customer.rsplit('/').next().unwrap();
    let new = |name: &str| -> Vec<(&str, &str, Value)> {
        vec![
            ("customers", "/name", json!({ "name": name })),
            ("customers", "/code", json!({ "name": "seen", "code": name })),
            ("contacts", "/name", json!({ "customer_id": id, "name": name })),
            ("products", "/name", json!({ "code": "P-1", "name": name })),
            ("products", "/code", json!({ "code": name, "name": "seen" })),
            ("teams", "/name", json!({ "name": name })),
            ("territories", "/name", json!({ "name": name })),
            ("users", "/name", json!({ "name": name })),
            ("users", "/username", json!({ "name": "seen", "username": name })),
        ]
    };

    for name in UNSEEN {
        for (list, pointer, body) in new(name) {
            let problem = admin.post(&format!("/api/v1/{list}"), body).await.expect(422);
            let codes = codes(&problem);
            assert!(codes.contains(&format!("{pointer} too_short")), "{list} {name:?} {codes:?}");
        }
        let problem = admin.patch(&customer, 1, json!({ "name": name })).await.expect(422);
        assert_eq!(codes(&problem), ["/name too_short"], "{name:?}");
    }
    let erp = service.client(Role::Erp, "sap").await;
    let items =
        json!([{ "external_id": "1", "name": UNSEEN[0] }, { "external_id": "2", "name": "." }]);
    let told = erp.post("/api/v1/customers/batch", json!({ "items": items })).await.expect(200);
    assert_eq!((&told["created"], &told["failed"]), (&json!(1), &json!(1)));
}

#[actix_web::test]
async fn names_without_letters_are_no_duplicates_of_each_other() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;

    for name in ["***", "---", "!?", "★", "☆", "12-3", "1-23", "🏠", "🏡", "。"] {
        seller.post("/api/v1/customers", json!({ "name": name })).await.expect(201);
    }
    let spelled = json!({ "name": "Ｌｉｎ　＆　Ｓｏｎｓ" });
    seller.post("/api/v1/customers", spelled).await.expect(201);
    seller.post("/api/v1/customers", json!({ "name": "lin & SONS" })).await.expect(409);
}

#[actix_web::test]
async fn user_names_ignore_case_in_all_scripts() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let password = "correct horse battery";
    let alike = [
        ("Zhang.Wei", "zhang.wei"),
        ("Ｌｉｎ", "lin"),
        ("straße", "STRASSE"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("İlker", "ilker"),
        ("IŞIK", "ışık"),
        ("ЖУКОВ", "жуков"),
        ("É.Dupont", "é.dupont"),
        ("ՀԱՅ", "հայ"),
    ];

    for (one, other) in alike {
        let new =
            |username: &str| json!({ "name": "x", "username": username, "password": password });
        let made = admin.post("/api/v1/users", new(one)).await.expect(201);
        assert_eq!(made["username"], one, "kept as it was sent");
        let twin = admin.post("/api/v1/users", new(other)).await.expect(409);
        assert_eq!(codes(&twin), ["/username duplicate"], "{other}");
        service.directory_changed().await;
        for username in [one, other] {
            let login = json!({ "username": username, "password": password });
            service.anonymous().post("/api/v1/auth/login", login).await.expect(200);
        }
    }
    let items: Vec<Value> = alike
        .iter()
        .map(|(_, other)| json!({ "external_id": other, "name": "x", "username": other }))
        .collect();
    let erp = service.client(Role::Erp, "sap").await;
    let told = erp.post("/api/v1/users/batch", json!({ "items": items })).await.expect(200);
    assert_eq!(told["failed"], alike.len(), "{told:#}");
}
