use std::time::Duration;

use actix_web::http::Method;
use futures_util::future::join_all;
use salesbook::access::Role;
use salesbook::platform::write::{Actor as Who, Write};
use salesbook::platform::{Error, Reply};
use serde_json::json;

use crate::support::harness::{Actor, Service};

async fn create(actor: &Actor<'_>, key: &str, name: &str) -> crate::support::harness::Answer {
    let (path, body) = ("/api/v1/customers", json!({ "name": name }));
    actor.send(Method::POST, path, Some(body), &[("idempotency-key", key)]).await
}

#[actix_web::test]
async fn the_same_key_gives_the_same_answer_once() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let first = create(&seller, "k1", "Lin & Sons").await;
    let again = create(&seller, "k1", "Lin & Sons").await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.header("idempotency-replayed"), "");
    for name in ["location", "etag"] {
        assert_eq!(first.header(name), again.header(name));
    }
    assert_eq!(first.expect(201), again.expect(201));
    let problem = create(&seller, "k1", "Somebody else").await.expect(422);
    assert_eq!(problem["code"], "idempotency_key_reused");

    let other = service.actor(Role::Salesperson).await;
    assert_eq!(create(&other, "k1", "Mine").await.expect(201)["name"], "Mine");
    let list = seller.get("/api/v1/customers?total=exact").await.expect(200);
    assert_eq!(list["total"], 1);
}

#[actix_web::test]
async fn a_failure_leaves_the_key_free() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    create(&seller, "k1", "").await.expect(422);
    create(&seller, "k1", "Lin & Sons").await.expect(201);
}

#[actix_web::test]
async fn of_many_at_once_one_works_and_none_waits() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let answers = join_all((0..8).map(|_| create(&seller, "k1", "Lin & Sons"))).await;
    for answer in answers {
        match answer.status.as_u16() {
            201 => {}
            _ => assert_eq!(answer.expect(409)["code"], "request_in_progress"),
        }
    }
    let list = seller.get("/api/v1/customers?total=exact").await.expect(200);
    assert_eq!(list["total"], 1);
}

fn write(service: &Service, person: uuid::Uuid) -> Write {
    use actix_web::{FromRequest, HttpMessage, test::TestRequest, web::Data};
    let request = TestRequest::default()
        .app_data(Data::new(service.inner.db.clone()))
        .app_data(Data::new(service.inner.clock.clone()));
    let request = request.to_http_request();
    request.extensions_mut().insert(Who { id: person, machine: false });
    Write::from_request(&request, &mut actix_web::dev::Payload::None).into_inner().unwrap()
}

#[actix_web::test]
async fn a_client_that_hangs_up_stops_nothing() {
    let service = Service::start().await;
    service.sql("create table done (at int)").await;
    let work = write(&service, uuid::Uuid::nil()).run(async |tx| {
        diesel_async::SimpleAsyncConnection::batch_execute(
            tx.conn(),
            "select pg_sleep(0.3); insert into done values (1)",
        )
        .await?;
        Ok(Reply::no_content())
    });
    let dropped = tokio::time::timeout(Duration::from_millis(100), work).await;
    assert!(dropped.is_err());
    let start = std::time::Instant::now();
    while service.count("done").await == 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "lost");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(service.count("done").await, 1);
}

/// More panics than connections: each connection must be discarded, not reused in the middle of a
/// transaction.
#[actix_web::test]
async fn a_panic_leaves_no_transaction_open() {
    let service = Service::start().await;
    service.sql("create table done (at int)").await;
    for _ in 0..20 {
        let work = write(&service, uuid::Uuid::nil()).run(async |tx| {
            let insert = "insert into done values (1)";
            diesel_async::SimpleAsyncConnection::batch_execute(tx.conn(), insert).await?;
            panic!("a bug");
        });
        assert_eq!(work.await.map(drop).map_err(|e| e.code().to_owned()), Err("internal".into()));
    }
    assert_eq!(service.count("done").await, 0);
    service.actor(Role::Salesperson).await.customer("Lin & Sons").await;
    assert_eq!(service.count("customers").await, 1);
}

#[actix_web::test]
async fn deadlocks_are_tried_again() {
    let service = Service::start().await;
    service
        .sql(
            "create table pair (id int primary key, n int); insert into pair values (1, 0), (2, 0)",
        )
        .await;
    let crosswise = async |first: i32, second: i32| {
        let work = write(&service, uuid::Uuid::nil()).run(async move |tx| {
            let add = |id| format!("update pair set n = n + 1 where id = {id}");
            let sql = format!("{}; select pg_sleep(0.2); {}", add(first), add(second));
            diesel_async::SimpleAsyncConnection::batch_execute(tx.conn(), &sql).await?;
            Ok(Reply::no_content())
        });
        work.await.map(drop)
    };
    let (a, b) = tokio::join!(crosswise(1, 2), crosswise(2, 1));
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    service
        .sql("do $$ begin if (select sum(n) from pair) <> 4 then raise 'lost'; end if; end $$")
        .await;
}

#[actix_web::test]
async fn a_commit_that_fails_says_so() {
    let service = Service::start().await;
    // Only a deferred constraint fails at COMMIT; the schema has none, so the test makes one.
    service.sql("create table late (id int unique deferrable initially deferred)").await;
    let work = write(&service, uuid::Uuid::nil()).run(async |tx| {
        let twice = "insert into late values (1), (1)";
        diesel_async::SimpleAsyncConnection::batch_execute(tx.conn(), twice).await?;
        Ok(Reply::no_content())
    });
    assert_eq!(
        work.await.map(drop).map_err(|e: Error| e.code().to_owned()),
        Err("outcome_unknown".into())
    );
}

#[actix_web::test]
async fn a_change_names_the_version_that_it_is_based_on() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let path = seller.customer("Lin & Sons").await;
    let change = json!({ "name": "Lin & Daughters" });
    seller.send(Method::PATCH, &path, Some(change.clone()), &[]).await.expect(428);
    seller.send(Method::PATCH, &path, Some(change.clone()), &[("if-match", "*")]).await.expect(400);
    seller.patch(&path, 1, change.clone()).await.expect(200);
    let problem = seller.patch(&path, 1, json!({ "name": "Lin" })).await.expect(412);
    assert_eq!(problem["current"], change);
    assert_eq!(problem["current_version"], 2);
}

#[actix_web::test]
async fn what_has_not_changed_is_not_sent_again() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let path = seller.customer("Lin & Sons").await;
    let answer = seller.get(&path).await;
    let tag = answer.header("etag").to_owned();
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let again = seller.send(Method::GET, &path, None, &[("if-none-match", &tag)]).await;
    assert_eq!(again.header("etag"), tag);
    again.expect(304);
    let change = json!({ "name": "Lin & Daughters" });
    seller.send(Method::PATCH, &path, Some(change), &[("if-match", &tag)]).await.expect(200);
    seller.send(Method::GET, &path, None, &[("if-none-match", &tag)]).await.expect(200);
}
