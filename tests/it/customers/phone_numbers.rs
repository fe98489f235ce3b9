//! Phone numbers are compared by their digits: possible duplicates, and who is calling.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

const CUSTOMERS: &str = "/api/v1/customers";
const CONTACTS: &str = "/api/v1/contacts";

/// Spellings of one mobile number and of one fixed line
const MOBILE: [&str; 6] = [
    "13800138000",
    "138-0013-8000",
    "+86 138 0013 8000",
    "0086 13800138000",
    "8613800138000",
    "１３８００１３８０００",
];
const FIXED: [&str; 5] = [
    "021-55550100",
    "(021) 5555 0100",
    "+86 21 5555 0100",
    "021-55550100 转 801",
    "0086-21-55550100-802",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn contact(customer: &str, name: &str, phone: &str) -> Value {
    json!({ "customer_id": id(customer), "name": name, "phone": phone })
}

async fn names(actor: &Actor<'_>, path: &str) -> Vec<String> {
    let page = actor.get(path).await.expect(200);
    let names = page["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[actix_web::test]
async fn one_number_in_other_spellings_is_a_possible_duplicate() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    seller.post(CUSTOMERS, json!({ "name": "first", "phone": MOBILE[2] })).await.expect(201);
    let both = format!("021-99990000 / {}", FIXED[0]);
    seller.post(CUSTOMERS, json!({ "name": "second", "phone": both })).await.expect(201);

    for (number, phone) in MOBILE.iter().chain(&FIXED).enumerate() {
        let new = json!({ "name": format!("other {number}"), "phone": phone });
        let problem = seller.post(CUSTOMERS, new).await.expect(409);
        assert_eq!(problem["code"], "possible_duplicate", "{phone}");
        assert_eq!(problem["duplicates"].as_array().unwrap().len(), 1, "{phone}");
    }
    for phone in ["13800138001", "0571-55550100", "+1 380 013 8000", "801", "n/a"] {
        let new = json!({ "name": format!("free {phone}"), "phone": phone });
        seller.post(CUSTOMERS, new).await.expect(201);
    }
}

#[actix_web::test]
async fn who_is_calling() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let shop = seller.customer("Lin & Sons").await;
    seller.patch(&shop, 1, json!({ "phone": FIXED[0] })).await.expect(200);
    seller.post(CONTACTS, contact(&shop, "王芳", MOBILE[1])).await.expect(201);
    seller.post(CONTACTS, contact(&shop, "李雷", FIXED[3])).await.expect(201);
    seller.post(CONTACTS, contact(&shop, "韩梅", "13800138009")).await.expect(201);

    for filter in ["q", "phone"] {
        for phone in MOBILE {
            let list = format!("{CONTACTS}?{filter}={}", encoded(phone));
            assert_eq!(names(&seller, &list).await, ["王芳"], "{filter} {phone}");
        }
        for phone in &FIXED[..3] {
            let list = format!("{CONTACTS}?{filter}={}", encoded(phone));
            assert_eq!(names(&seller, &list).await, ["李雷"], "{filter} {phone}");
            let list = format!("{CUSTOMERS}?{filter}={}", encoded(phone));
            assert_eq!(names(&seller, &list).await, ["Lin & Sons"], "{filter} {phone}");
        }
    }
    assert_eq!(names(&seller, &format!("{CONTACTS}?q=1380013")).await, ["王芳", "韩梅"]);
    assert_eq!(names(&seller, &format!("{CONTACTS}?q=5555-0100")).await, ["李雷"]);
    assert_eq!(names(&seller, &format!("{CONTACTS}?phone=1380013")).await, [""; 0]);
}

#[actix_web::test]
async fn contacts_are_found_by_name_and_address() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let shop = seller.customer("Lin & Sons").await;
    let new = json!({ "customer_id": id(&shop), "name": "曾芳", "email": "Zeng@Example.cn" });
    seller.post(CONTACTS, new).await.expect(201);

    for typed in ["zengfang", "cf", "zf", "芳", "example.CN"] {
        let list = format!("{CONTACTS}?q={}", encoded(typed));
        assert_eq!(names(&seller, &list).await, ["曾芳"], "{typed}");
    }
    let stranger = service.actor(Role::Salesperson).await;
    assert_eq!(names(&stranger, &format!("{CONTACTS}?q=zf")).await, [""; 0]);
}

#[actix_web::test]
async fn a_contact_that_is_there_is_not_entered_twice() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let (shop, other) = (seller.customer("Lin & Sons").await, seller.customer("Other").await);
    let mut first = contact(&shop, "王芳", MOBILE[0]);
    first["email"] = json!("Wang@example.cn");
    let first = seller.post(CONTACTS, first).await.expect(201);

    let twins = [
        contact(&other, "王小芳", MOBILE[3]),
        json!({ "customer_id": id(&other), "name": "W", "email": "wang@EXAMPLE.cn" }),
        json!({ "customer_id": id(&shop), "name": "王 芳" }),
    ];
    for twin in &twins {
        let problem = seller.post(CONTACTS, twin.clone()).await.expect(409);
        assert_eq!(problem["code"], "possible_duplicate");
        assert_eq!(problem["duplicates"][0]["id"], first["id"]);
        assert_eq!(problem["duplicates"].as_array().unwrap().len(), 1);
    }
    seller.post(CONTACTS, contact(&other, "王芳", "13900139000")).await.expect(201);
    for mut twin in twins {
        twin["allow_duplicate"] = json!(true);
        seller.post(CONTACTS, twin).await.expect(201);
    }
}

#[actix_web::test]
async fn contacts_that_nobody_may_see_are_no_duplicates() {
    let service = Service::start().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (mine, theirs) = (seller.customer("mine").await, stranger.customer("theirs").await);
    let made = stranger.post(CONTACTS, contact(&theirs, "王芳", MOBILE[0])).await.expect(201);

    seller.post(CONTACTS, contact(&mine, "王芳", MOBILE[0])).await.expect(201);

    // An erased contact has no number any more.
    let office = service.actor(Role::BackOffice).await;
    let erased = format!("{CONTACTS}/{}/erase", made["id"].as_str().unwrap());
    office.post(&erased, json!({})).await.expect(200);
    let kept = "select search || grams::text || addresses::text from contacts
        where erased_at is not null";
    assert!(!service.texts(kept).await[0].contains("8000"));
    let again = contact(&theirs, "王芳", MOBILE[1]);
    stranger.post(CONTACTS, again).await.expect(201);
}

#[actix_web::test]
async fn pairs_of_customers_with_one_number_are_listed() {
    let service = Service::start().await;
    let manager = service.actor(Role::SalesDirector).await;
    for (name, phone) in [("one", FIXED[1]), ("two", FIXED[4])] {
        let new = json!({ "name": name, "phone": phone, "allow_duplicate": true });
        manager.post(CUSTOMERS, new).await.expect(201);
    }
    let (left, right) = (manager.customer("three").await, manager.customer("four").await);
    for (customer, phone) in [(&left, MOBILE[2]), (&right, MOBILE[5])] {
        let mut new = contact(customer, "王芳", phone);
        new["allow_duplicate"] = json!(true);
        manager.post(CONTACTS, new).await.expect(201);
    }

    let page = manager.get("/api/v1/customers/duplicates").await.expect(200);

    let pairs: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let name = |side: &str| pair[side]["name"].as_str().unwrap().to_owned();
            format!("{} {} {}", name("customer"), name("duplicate"), pair["reasons"][0])
        })
        .collect();
    assert_eq!(pairs, ["one two \"same_phone\"", "three four \"same_contact\""]);
}
