//! Nonsense, in bulk: bodies, texts and queries that nobody would send on purpose. Whatever comes, a
//! clear problem goes back, nothing is written, and no answer is a 500.

use actix_web::http::Method;
use salesbook::auth::Role;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::harness::Service;

/// A small generator of numbers with a known start, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Knuth's multiplier; the high bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

/// What takes the place of a value: numbers at the edges, depths, odd characters.
fn oddity(dice: &mut Dice) -> String {
    let known = [
        "1e308",
        "-0",
        "1e-400",
        "9007199254740993",
        "9223372036854775808",
        "NaN",
        "null",
        "{}",
        "true",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"12345678901234567890.1234567\"",
        "[]",
        "\"\"",
        "-1",
        "\"\u{202e}x\"",
        "1.5",
        "\"0x10\"",
        "\"1e5\"",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
    ];
    match dice.roll(known.len() + 2) {
        0 => format!("{}1{}", "[".repeat(300), "]".repeat(300)),
        1 => format!("\"{}\"", "字".repeat(3000)),
        _ => dice.pick(&known).to_owned(),
    }
}

fn mutated(dice: &mut Dice, body: &Value) -> Vec<u8> {
    let fields: Vec<(String, String)> = body
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect();
    let mut parts: Vec<String> = fields.iter().map(|it| format!("\"{}\":{}", it.0, it.1)).collect();
    let at = dice.roll(parts.len());
    match dice.roll(5) {
        0 => parts.push(parts[at].clone()),
        1 => parts.push(format!("\"unknown_{at}\":{}", oddity(dice))),
        2 => drop(parts.remove(at)),
        _ => parts[at] = format!("\"{}\":{}", fields[at].0, oddity(dice)),
    }
    let mut text = format!("{{{}}}", parts.join(",")).into_bytes();
    match dice.roll(8) {
        0 => text.truncate(dice.roll(text.len())),
        1 => {
            let at = dice.roll(text.len());
            text[at] = u8::try_from(dice.roll(256)).unwrap_or(0);
        }
        2 => text = [b"\xef\xbb\xbf", text.as_slice()].concat(),
        _ => {}
    }
    text
}

#[actix_web::test]
async fn bodies_that_make_no_sense() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin & Sons").await;
    let customer = customer.rsplit('/').next().unwrap();
    let bodies = [
        (
            "customers",
            json!({ "name": "A", "city": "上海", "latitude": 31.2, "longitude": 121.4,
            "kind": "company", "allow_duplicate": true }),
        ),
        (
            "contacts",
            json!({ "customer_id": customer, "name": "B", "birth_year": 1980,
            "hobbies": ["a"], "is_primary": false }),
        ),
        (
            "products",
            json!({ "code": "P", "name": "P", "list_price": "1.5", "active": true,
            "prices": [{ "valid_from": "2026-01-01", "price": "2" }] }),
        ),
        (
            "orders",
            json!({ "customer_id": customer, "order_date": "2026-03-02",
            "lines": [{ "product_id": customer, "quantity": "1" }] }),
        ),
        (
            "targets",
            json!({ "owner_type": "company", "period_type": "month",
            "period_start": "2026-03-01", "value": "10" }),
        ),
        ("users", json!({ "name": "U", "username": "u", "email": "u@example.cn" })),
    ];
    let mut dice = Dice(20_261_123);
    let mut told = std::collections::BTreeMap::<u16, usize>::new();
    for round in 0..2_000 {
        let (path, body) = &bodies[round % bodies.len()];
        let text = mutated(&mut dice, body);
        let kind = match dice.roll(20) {
            0 => "text/plain",
            1 => "application/json; charset=latin1",
            _ => "application/json",
        };
        let url = format!("/api/v1/{path}");
        let headers = [("content-type", kind)];
        let answer = admin.send_bytes(Method::POST, &url, text.clone(), &headers).await;
        let status = answer.status.as_u16();
        *told.entry(status).or_default() += 1;
        let fine = matches!(status, 201 | 400 | 409 | 413 | 415 | 422);
        assert!(fine, "{status} {url} {}: {:#}", String::from_utf8_lossy(&text), answer.body);
    }
    for status in [201, 400, 415, 422] {
        assert!(told.contains_key(&status), "{status} never came: {told:?}");
    }
}

#[actix_web::test]
async fn every_text_comes_back_as_it_was_sent() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let mut dice = Dice(7);
    let plane = |dice: &mut Dice| {
        let start = [0x21, 0x300, 0x590, 0x0e00, 0x2000, 0x4e00, 0xac00, 0x1f600, 0x20000, 0xe000];
        let code = start[dice.roll(start.len())] + dice.roll(200);
        char::from_u32(u32::try_from(code).unwrap_or(65))
            .filter(|c| !c.is_control())
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
        // The last letter may hold bits that say nothing.
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
