//! Reverts and repeats every migration on a database with data.

use std::fs;
use std::path::Path;

use salesbook::access::Role;
use salesbook::app;
use serde_json::json;

use crate::receivables::send;
use crate::support::harness::Service;
use crate::sync::erp_day::DAY;
use crate::visits::{done, planned, there};

/// Columns, constraints and indexes, regardless of the order of their creation. Partitions depend
/// on the month and are left out.
const SCHEMA: &str = "select concat_ws(' ', table_name, column_name, data_type, is_nullable,
        column_default, numeric_precision, numeric_scale)
    from information_schema.columns where table_schema = 'public' and table_name !~ '\\d{4}'
    union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    from pg_constraint where conrelid::regclass::text !~ '\\d{4}' and contype <> 'n'
    union all select indexdef from pg_indexes where schemaname = 'public' and tablename !~ '\\d{4}'
    order by 1";

/// The names of the migrations, the newest first.
fn steps() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut names: Vec<_> =
        folders.map(|folder| folder.file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names.reverse();
    names
}

async fn step_back(service: &Service, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name);
    let down = fs::read_to_string(folder.join("down.sql")).unwrap();
    let version = name[..name.find('_').unwrap()].replace('-', "");
    service.sql(&format!("begin; {down}; commit")).await;
    let forget = format!("delete from __diesel_schema_migrations where version = '{version}'");
    service.sql(&forget).await;
}

/// The migration harness blocks in place, which the test runtime does not allow.
fn migrate(url: String) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(app::migrate(&url)).unwrap();
    };
    std::thread::spawn(run).join().unwrap();
}

async fn fill(service: &Service) {
    let erp = service.client(Role::Erp, "sap").await;
    for part in DAY {
        for items in (0..part.parts).map(part.items) {
            send(&erp, part.path, json!(items)).await;
        }
    }
    let seller = service.actor(Role::Salesperson).await;
    let visit = planned(&seller, json!({})).await;
    seller.post(&format!("{visit}/check-in"), there(service)).await.expect(200);
    seller.post(&format!("{visit}/check-out"), done(service)).await.expect(200);
    let admin = service.actor(Role::Admin).await;
    let customers = service
        .texts("select id::text from customers where external_id is not null order by external_id")
        .await;
    let loser = json!({ "loser_id": customers[1] });
    admin.post(&format!("/api/v1/customers/{}/merge", customers[0]), loser).await.expect(200);
}

#[actix_web::test]
async fn every_step_leads_back_and_forth_over_data() {
    let service = crate::visits::service().await;
    fill(&service).await;
    let before = service.texts(SCHEMA).await;
    let steps = steps();
    assert!(steps.len() > 30 && before.len() > 500, "{} steps", steps.len());

    // Reverting only the newest migrations keeps the rows of older tables for the way forward.
    for back in [8, steps.len()] {
        for name in &steps[..back] {
            step_back(&service, name).await;
        }
        migrate(service.url());

        let now = service.texts(SCHEMA).await;
        let differing: Vec<_> = now.iter().filter(|line| !before.contains(line)).collect();
        assert_eq!(now, before, "{back} steps; not as before: {differing:#?}");
    }
}
