//! Characters that change the direction of writing are refused; those that scripts need are kept.

use salesbook::access::Role;
use serde_json::json;

use crate::support::harness::Service;
use crate::targets::codes;

const CUSTOMERS: &str = "/api/v1/customers";

const TURNING: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

#[actix_web::test]
async fn no_name_turns_the_direction_of_writing() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Anji").await;

    for turning in TURNING {
        let name = format!("Lin {turning}gpj.exe");
        let problem = seller.post(CUSTOMERS, json!({ "name": name })).await.expect(422);
        assert_eq!(codes(&problem), ["/name control_character"], "{turning:?}");
        let problem = seller.patch(&customer, 1, json!({ "city": name })).await.expect(422);
        assert_eq!(codes(&problem), ["/city control_character"], "{turning:?}");
        let escaped: String = turning
            .to_string()
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<Vec<_>>()
            .concat();
        let problem = seller.get(&format!("{CUSTOMERS}?q=a{escaped}")).await.expect(400);
        assert_eq!(codes(&problem), ["/q control_character"], "{turning:?}");
    }
    let erp = service.client(Role::Erp, "sap").await;
    let items =
        json!([{ "external_id": "1", "name": "a\u{202e}b" }, { "external_id": "2", "name": "c" }]);
    let told = erp.post(&format!("{CUSTOMERS}/batch"), json!({ "items": items })).await.expect(200);
    assert_eq!((&told["created"], &told["failed"]), (&json!(1), &json!(1)));
}

#[actix_web::test]
async fn joiners_and_scripts_from_right_to_left_are_kept() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;

    for name in ["کتاب\u{200c}ها", "क\u{200d}ष", "שלום בע״מ", "上海\u{3000}林氏"]
    {
        let new = json!({ "name": name, "allow_duplicate": true });
        let made = seller.post(CUSTOMERS, new).await.expect(201);
        assert_eq!(made["name"], name);
    }
}
