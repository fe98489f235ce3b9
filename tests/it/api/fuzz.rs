//! Fuzzing with random texts and queries. The answer is always a clear problem and never a 500.
//! Bodies are fuzzed in `bodies.rs`.

use salesbook::access::Role;
use salesbook::platform::characters::is_refused;
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use crate::support::harness::Service;
use crate::support::inventing::Dice;

#[actix_web::test]
async fn every_text_comes_back_as_it_was_sent() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let mut dice = Dice(7);
    let plane = |dice: &mut Dice| {
        let start = [0x21, 0x300, 0x590, 0x0e00, 0x2000, 0x4e00, 0xac00, 0x1f600, 0x20000, 0xe000];
        let code = start[dice.roll(start.len())] + dice.roll(200);
        char::from_u32(u32::try_from(code).unwrap_or(65))
            .filter(|c| !is_refused(*c))
            .unwrap_or('汉')
    };
    let odd = ["' or 1=1; --", "100%", "a_b\\c", "(((((((((((a+)+)+)+", "<script>", "=1+1"];
    for round in 0..300 {
        let text: String = match odd.get(round) {
            Some(text) => (*text).to_owned(),
            None => (0..=dice.roll(40)).map(|_| plane(&mut dice)).collect(),
        };
        let new = json!({ "name": text, "allow_duplicate": true });
        let answer = seller.post("/api/v1/customers", new).await;
        let stored: String = text.trim().nfc().collect();
        if stored.is_empty() {
            continue;
        }
        let customer = answer.expect(201);
        assert_eq!(customer["name"], json!(stored));
        let sought: String = stored.chars().take(3).collect();
        let query = serde_urlencoded::to_string([("q", &sought)]).unwrap();
        let found = seller.get(&format!("/api/v1/customers?{query}&limit=200")).await;
        if sought.trim().is_empty() {
            continue;
        }
        let found = found.expect(200);
        let ids = found["items"].as_array().unwrap().iter().map(|it| &it["id"]);
        assert!(ids.clone().any(|id| *id == customer["id"]), "{sought:?} does not find {stored:?}");
    }
    let all = seller.get("/api/v1/customers?q=%25&limit=200").await.expect(200);
    let names = all["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    assert!(names.clone().count() > 0, "100% is there");
    for name in names {
        assert!(name.contains('%'), "a wildcard stands for itself: {name}");
    }
}

#[actix_web::test]
async fn queries_that_make_no_sense() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    for name in ["a", "b", "c"] {
        seller.customer(name).await;
    }
    let page = seller.get("/api/v1/customers?limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let mut dice = Dice(99);
    for _ in 0..500 {
        let mut bytes = cursor.clone().into_bytes();
        let at = dice.roll(bytes.len());
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let other = letters[dice.roll(letters.len())];
        if bytes[at] == other {
            continue;
        }
        bytes[at] = other;
        let forged = String::from_utf8(bytes).unwrap();
        let answer = seller.get(&format!("/api/v1/customers?limit=1&cursor={forged}")).await;
        // The last letter may contain unused bits.
        assert!(answer.status == 400 || at == cursor.len() - 1, "{forged}: {}", answer.status);
    }
    let values = [
        "limit=0",
        "limit=-1",
        "limit=1000000000",
        "limit=1e3",
        "limit=",
        "limit=1&limit=2",
        "sort=name;drop%20table%20customers",
        "sort=password_hash",
        "status=active,,lost",
        "owner_id=me",
        "owner_external_id=x",
        "created_from=yesterday",
        "total=all",
        "q=",
        "colour=red",
        "created_from=2026-02-30T00:00:00Z",
        "merged=1",
        "cursor=%00",
        "q=%00",
        "%ff=1",
    ];
    for value in values {
        let answer = seller.get(&format!("/api/v1/customers?{value}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{value}");
        let problem = answer.body;
        assert!(!problem.to_string().contains("select"), "{value}");
    }
}
