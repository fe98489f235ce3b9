//! Search by typed text: pinyin with all readings, initials, and text without regard to case and
//! width.

use salesbook::access::Role;
use salesbook::platform::{Tx, jobs};
use salesbook::schedule::JOBS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const CUSTOMERS: &str = "/api/v1/customers";
const PRODUCTS: &str = "/api/v1/products";
const USERS: &str = "/api/v1/users";
const TEAMS: &str = "/api/v1/teams";

/// A typed text as part of a URL.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

/// Names of the rows that are found, in the order of the list.
async fn found(actor: &Actor<'_>, list: &str, typed: &str) -> Vec<String> {
    let page = actor.get(&format!("{list}?q={}", encoded(typed))).await.expect(200);
    let names = page["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

/// A name, texts that find it, and texts that do not.
const NAMES: [(&str, &[&str], &[&str]); 13] = [
    ("上海林氏贸易", &["shanghai", "SHANG HAI", "sh", "shls", "lins", "hail"], &["anghai", "shml"]),
    (
        "重庆火锅",
        &["chongqing", "zhongqing", "cq", "zq", "cqhg", "chongqinghuoguo"],
        &["qc", "hongqing"],
    ),
    ("厦门航空", &["xiamen", "shamen", "xm", "xmhk"], &["mx"]),
    ("曾国强", &["zeng", "ceng", "zgq", "zengguo"], &["engguo"]),
    ("单雄", &["shan", "dan", "shanxiong", "sx"], &["hanxiong"]),
    ("仇英", &["qiu", "chou", "qiuying", "qy"], &["iuying"]),
    ("解放", &["xie", "jie", "xiefang", "xf", "jf"], &["iefang"]),
    ("银行", &["yinhang", "yinxing", "yh", "yinh"], &["inhang"]),
    ("长沙", &["changsha", "zhangsha", "cs", "zs"], &["hangsha"]),
    ("乐清音乐", &["yueqing", "leqing", "yinyue", "yqyy", "lqyl"], &["ueqing"]),
    ("吕女士", &["lv", "lvnv", "LÜNÜ", "lns"], &["vn"]),
    ("ABC 西安", &["abcxian", "abc xi an", "abcxa", "bcxi", "西安"], &["xain"]),
    ("Ｌｉｎ Straße", &["lin", "STRASSE", "straße", "ＳＴＲ", "lin str"], &["linn"]),
];

#[actix_web::test]
async fn every_reading_of_a_name_finds_customers_products_users_and_teams() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    for (number, (name, ..)) in NAMES.iter().enumerate() {
        let code = format!("P-{number}");
        admin.customer(name).await;
        admin.post(PRODUCTS, json!({ "code": code, "name": name })).await.expect(201);
        admin.post(USERS, json!({ "name": name })).await.expect(201);
        admin.post(TEAMS, json!({ "name": name })).await.expect(201);
    }

    for list in [CUSTOMERS, PRODUCTS, USERS, TEAMS] {
        for (name, typed, foreign) in NAMES {
            for typed in typed {
                let found = found(&admin, list, typed).await;
                assert!(found.contains(&name.to_owned()), "{list} {typed}: {found:?}");
            }
            for typed in foreign {
                let found = found(&admin, list, typed).await;
                assert!(!found.contains(&name.to_owned()), "{list} {typed}: {found:?}");
            }
        }
    }
}

#[actix_web::test]
async fn a_long_name_of_many_readings_is_kept_and_found() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let name = "行重长乐".repeat(50);

    seller.customer(&name).await;

    let sound = ["hangchongzhangyue", "xingzhongchangle", "hczl", "xzcy"];
    for typed in sound {
        assert_eq!(found(&seller, CUSTOMERS, typed).await, std::slice::from_ref(&name), "{typed}");
    }
    // Searches of the maximum length.
    let typed = "hczl".repeat(25);
    assert_eq!(found(&seller, CUSTOMERS, &typed).await, std::slice::from_ref(&name));
    let typed = "hangchongchangle".repeat(6);
    assert_eq!(found(&seller, CUSTOMERS, &typed).await, std::slice::from_ref(&name));
}

#[actix_web::test]
async fn signs_that_mean_something_to_a_database_stand_for_themselves() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    for name in ["100% Wolle", "a_b", "a|b c", "x.y*(z)[q]{2}\\d^$+?", "plain"] {
        seller.customer(name).await;
    }

    for (typed, expected) in [
        ("%", "100% Wolle"),
        ("_", "a_b"),
        ("|", "a|b c"),
        (".y*(z", "x.y*(z)[q]{2}\\d^$+?"),
        ("[q]{2}\\d", "x.y*(z)[q]{2}\\d^$+?"),
        ("\\", "x.y*(z)[q]{2}\\d^$+?"),
    ] {
        assert_eq!(found(&seller, CUSTOMERS, typed).await, [expected], "{typed}");
    }
    assert_eq!(found(&seller, CUSTOMERS, "a|b").await, ["a|b c"], "signs have no sound");
    for nothing in [".*", "(?:", "p.*n", "p|x"] {
        let found = found(&seller, CUSTOMERS, nothing).await;
        assert!(!found.contains(&"plain".to_owned()), "{nothing}: {found:?}");
    }
}

#[actix_web::test]
async fn codes_are_found_and_compared_without_case_and_width() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let coded = |code: &str, name: &str| json!({ "code": code, "name": name });
    for (list, code) in [
        (CUSTOMERS, "Ａ１－Ｋ"),
        (PRODUCTS, "Ａ１－Ｋ"),
        ("/api/v1/teams", "Ａ１－Ｋ"),
        ("/api/v1/territories", "Ａ１－Ｋ"),
    ] {
        let made = admin.post(list, coded(code, "one")).await.expect(201);
        assert_eq!(made["code"], code, "kept as it was sent");

        let twin = admin.post(list, coded("a1-k", "two")).await.expect(409);
        assert_eq!(twin["errors"][0]["pointer"], "/code", "{list}");
        admin.post(list, coded("a2-k", "three")).await.expect(201);
    }
    for list in [CUSTOMERS, PRODUCTS] {
        assert_eq!(found(&admin, list, "a1-k").await, ["one"], "{list}");
    }
    for list in [PRODUCTS, "/api/v1/teams", "/api/v1/territories"] {
        let page = admin.get(&format!("{list}?code=A1-k")).await.expect(200);
        assert_eq!(page["items"][0]["code"], "Ａ１－Ｋ", "{list}");
    }
}

#[actix_web::test]
async fn a_batch_compares_codes_as_single_writes_do() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    for list in [CUSTOMERS, PRODUCTS, "/api/v1/teams", "/api/v1/territories"] {
        let send = async |items: Value| {
            let batch = json!({ "source_system": "sap", "items": items });
            erp.post(&format!("{list}/batch"), batch).await.expect(200)
        };
        send(json!([{ "external_id": "1", "code": "x1", "name": "one" }])).await;

        let told = send(json!([
            { "external_id": "2", "code": "Ｘ１", "name": "two" },
            { "external_id": "3", "code": "Y1", "name": "three" },
            { "external_id": "4", "code": "ｙ1", "name": "four" },
            { "external_id": "1", "code": "X1", "name": "one" },
        ]))
        .await;

        let statuses: Vec<_> =
            told["results"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
        assert_eq!(statuses, ["failed", "created", "failed", "updated"], "{list}: {told:#}");
    }
}

#[actix_web::test]
async fn the_database_folds_as_the_service_does() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let codes = [
        "Ａ１－Ｂ",
        "STRASSE",
        "ẞ1",
        "ΟΔΟΣ ΣΣ",
        "οδος!",
        "İSTANBUL",
        "ısı",
        "ｶﾞ",
        "ᏣᎳᎩ",
        "Ż",
        "ﬁ",
        "ŉ",
        "ΐ",
        "ǰ",
        "ᾼ",
        "ﷺ",
        "①",
        "㈱",
        "É-1",
        "Ж",
        "Ǆ",
        "ա",
        "ﬗ",
        "𐐀",
        "Ⅷ",
        "ª",
        "K",
        "Å",
        "Ω",
    ];
    let items: Vec<Value> = codes
        .iter()
        .map(|code| json!({ "external_id": code, "code": format!("{code}~"), "name": "n" }))
        .collect();

    erp.post(&format!("{PRODUCTS}/batch"), json!({ "items": items })).await.expect(200);

    let kept = service.texts("select code || '/' || code_key from products").await;
    assert_eq!(kept.len(), codes.len());
    for kept in kept {
        let (code, key) = kept.split_once('/').unwrap();
        assert_eq!(salesbook::platform::characters::fold(code), key, "{code}");
    }
}

#[actix_web::test]
async fn rows_from_before_are_found_after_the_job() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("重庆火锅").await;
    let id = customer.rsplit('/').next().unwrap();
    admin.patch(&customer, 1, json!({ "phone": "138 0013 8000" })).await.expect(200);
    let contact = json!({ "customer_id": id, "name": "曾国强", "phone": "+86 139 0013 9000" });
    admin.post("/api/v1/contacts", contact).await.expect(201);
    admin.post(PRODUCTS, json!({ "code": "P-1", "name": "厦门茶" })).await.expect(201);
    admin.post(USERS, json!({ "name": "单雄" })).await.expect(201);
    admin.post(TEAMS, json!({ "name": "华东大区" })).await.expect(201);
    for forget in [
        "update customers set phones = null, search = '', grams = '{}', name_key = ''",
        "update contacts set search = null, grams = null, addresses = null",
        "update products set search = null",
        "update users set search = null",
        "update teams set search = null",
    ] {
        service.sql(forget).await;
    }
    let typed = [
        (CUSTOMERS, "cq"),
        ("/api/v1/contacts", "zeng"),
        (PRODUCTS, "xm"),
        (USERS, "shan"),
        (TEAMS, "huadong"),
    ];
    for (list, typed) in typed {
        assert_eq!(found(&admin, list, typed).await, [""; 0], "{list}");
    }

    let job = JOBS.iter().find(|job| job.name == "search_texts").unwrap();
    while jobs::attempt(&service.inner.db, &service.inner.clock, *job, Uuid::now_v7())
        .await
        .unwrap()
    {}

    for (list, typed) in typed {
        assert_eq!(found(&admin, list, typed).await.len(), 1, "{list}");
    }
    let twin = json!({ "name": "another", "phone": "8613800138000" });
    admin.post(CUSTOMERS, twin).await.expect(409);
    let unchanged = admin.get(&customer).await.expect(200);
    assert_eq!(unchanged["version"], 2, "nobody has changed it");
}

/// Plan of a search in a table that is too large to be read as a whole.
async fn plan(service: &Service, table: &str, wanted: &str) -> String {
    let query = format!(
        "select id from {table} where (grams @> array[{wanted}] and search like '%cq%') \
         or (grams @> array[{wanted}] and search ~ '[|]c[^|]*[|]q')"
    );
    let explain = async |tx: &mut Tx| {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Line {
            #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
            line: String,
        }
        diesel::sql_query("set local enable_seqscan = off").execute(tx.conn()).await?;
        let lines = diesel::sql_query(format!("explain {query}"));
        let lines: Vec<Line> = lines.load(tx.conn()).await?;
        Ok(lines.into_iter().map(|line| line.line).collect::<Vec<_>>().join("\n"))
    };
    Tx::run(&service.inner.db, &service.inner.clock, Uuid::nil(), explain).await.unwrap()
}

#[actix_web::test]
async fn a_search_uses_the_index_on_grams() {
    let service = Service::start().await;

    for table in ["customers", "contacts"] {
        let plan = plan(&service, table, "'cq'").await;

        assert!(plan.contains(&format!("{table}_grams_idx")), "{plan}");
    }
}
