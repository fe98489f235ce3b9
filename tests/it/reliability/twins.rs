//! Two companies with the same ids and external ids: writes in one do not affect the other.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::Value;

use crate::api::openapi;
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Inventor;
use crate::support::sampling::is_sampled;

const ROUNDS: usize = 6;

/// Computes a checksum of each table.
async fn checksums(service: &Service) -> BTreeMap<String, String> {
    let tables = "select tablename::text from pg_tables where schemaname = current_schema()";
    let mut sums = BTreeMap::new();
    for table in service.texts(tables).await {
        let rows = format!(
            "select concat(count(*), ' ', md5(string_agg(it::text, ',' order by it::text))) from {table} it"
        );
        sums.insert(table, service.texts(&rows).await.remove(0));
    }
    sums
}

/// Returns the current version of the row at a path, for If-Match.
async fn version(admin: &Actor<'_>, path: &str) -> String {
    let row = admin.get(path).await.body;
    format!("\"{}\"", row["version"].as_i64().unwrap_or(1))
}

#[actix_web::test]
async fn what_one_company_does_leaves_the_other_alone() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let mut inventor = Inventor::with_rows(&service, &admin, 1).await;
    let id = admin.id;
    let (one, other) = service.twins().await;
    let before = checksums(&other).await;
    assert!(before.len() > 20, "{before:?}");
    assert_eq!(before["customers"], checksums(&one).await["customers"]);
    let (admin, stranger) = (one.signed_in(id), other.signed_in(id));

    let (mut written, mut done) = (BTreeSet::new(), BTreeMap::<&str, Vec<u16>>::new());
    for round in 0..ROUNDS {
        for (template, method, operation) in openapi::operations() {
            let name = operation["operationId"].as_str().unwrap();
            // Operations that remove rows run only in the last rounds, because the others need
            // those rows.
            let ends = method == "delete" || matches!(name, "erase_contact" | "merge_customer");
            if ends && round + 2 < ROUNDS {
                continue;
            }
            // Operations that only read need no repetition.
            if method == "get" && !is_sampled(round, ROUNDS) {
                continue;
            }
            let path = inventor.path(template);
            let mut tag = String::new();
            if matches!(method, "patch" | "delete") {
                tag = version(&admin, &path).await;
            }
            let headers = [("if-match", &*tag)];
            let headers = &headers[..usize::from(!tag.is_empty())];
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = inventor.body(operation);
            let answer = admin.send(method.clone(), &path, body, headers).await;
            let status = answer.status.as_u16();
            assert!(status < 500, "{name}: {answer:?}");
            done.entry(name).or_default().push(status);
            if method != Method::GET && answer.status.is_success() {
                written.insert(name);
            }
        }
    }
    let all: BTreeSet<&str> = openapi::operations()
        // The one-time code of a second factor cannot be generated.
        .filter(|it| it.1 != "get" && !it.0.contains("/me/second-factor"))
        .map(|it| it.2["operationId"].as_str().unwrap())
        .collect();
    let idle: Vec<_> = all.difference(&written).map(|name| (name, &done[*name])).collect();
    println!("{} of {} writing operations did something, not {idle:?}", written.len(), all.len());
    assert!(written.len() * 3 > all.len() * 2, "{idle:?}");
    assert_eq!(checksums(&other).await, before);
    let after = checksums(&one).await;
    assert!(before.iter().filter(|it| after[it.0] != *it.1).count() > 10);

    // Tokens of one company are not accepted by the other.
    let token = admin.token.clone().unwrap();
    let intruder = other.bearer(token.clone());
    let nobody = other.anonymous();
    let mut refused = 0;
    for (template, method, _) in openapi::operations() {
        let (path, method) = (inventor.path(template), method.to_uppercase());
        let method: Method = method.parse().unwrap();
        if nobody.send(method.clone(), &path, None, &[]).await.status == 401 {
            assert_eq!(intruder.send(method.clone(), &path, None, &[]).await.status, 401, "{path}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
    stranger.get("/api/v1/me").await.expect(200);
    one.bearer(stranger.token.clone().unwrap()).get("/api/v1/me").await.expect(401);
    let names = |list: Value| {
        let items = list["items"].as_array().unwrap().clone();
        items.into_iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let list = stranger.get("/api/v1/customers").await.expect(200);
    assert_eq!(names(list), ["0", "1", "2", "3"]);
    assert_eq!(checksums(&other).await, before);
}
