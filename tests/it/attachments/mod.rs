pub mod stores;
pub mod uploads;

use std::io::Cursor;
use std::path::Path;

use actix_web::http::Method;
use futures_util::future::join_all;
use image::{DynamicImage, ImageFormat};
use jiff::SignedDuration;
use salesbook::access::{Caller, Role};
use salesbook::attachments::attachment::{attach, delete_doomed, detach};
use salesbook::platform::{Clock, Result, Timestamp, Tx, jobs};
use salesbook::schedule::JOBS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Answer, Service};

const ATTACHMENTS: &str = "/api/v1/attachments";

pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub async fn upload(
    actor: &Actor<'_>,
    query: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Answer {
    actor.send_bytes(Method::POST, &format!("{ATTACHMENTS}{query}"), body.to_vec(), headers).await
}

pub async fn uploaded(actor: &Actor<'_>, body: &[u8]) -> String {
    path(&upload(actor, "", body, &[]).await.expect(201))
}

pub fn path(attachment: &Value) -> String {
    format!("{ATTACHMENTS}/{}", attachment["id"].as_str().unwrap())
}

fn id(path: &str) -> Uuid {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

async fn delete(actor: &Actor<'_>, path: &str) -> Answer {
    actor.send(Method::DELETE, path, None, &[("if-match", "\"1\"")]).await
}

pub async fn read(actor: &Actor<'_>, path: &str, headers: &[(&str, &str)]) -> Answer {
    actor.send_bytes(Method::GET, &format!("{path}/content"), vec![], headers).await
}

/// The number of stored objects of one kind.
pub fn stored(service: &Service, part: &str) -> usize {
    fn count(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|it| if it.path().is_dir() { count(&it.path()) } else { 1 }).sum()
    }
    count(&service.files.join(part))
}

async fn caller(service: &Service, actor: &Actor<'_>) -> Caller {
    Caller::of((*service.inner.directory.person(actor.id).await.unwrap().unwrap()).clone())
}

async fn attached(
    service: &Service,
    actor: &Actor<'_>,
    files: &[&str],
    customer: &str,
) -> Result<()> {
    let caller = caller(service, actor).await;
    let ids: Vec<Uuid> = files.iter().map(|path| id(path)).collect();
    let to = ("customer", id(customer));
    let work = async |tx: &mut Tx| attach(tx, &caller, &ids, to, "/attachment_ids").await;
    Tx::run(&service.inner.db, &service.inner.clock, actor.id, work).await
}

/// Moves the clock, runs the jobs and logs in again.
async fn later<'a>(service: &'a Service, hours: i64, who: &Actor<'_>) -> Actor<'a> {
    let clock = &service.inner.clock;
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_hours(hours)));
    let db = &service.inner.db;
    for job in JOBS.iter().filter(|job| ["change_partitions", "attachments"].contains(&job.name)) {
        jobs::attempt(db, clock, *job, Uuid::now_v7()).await.unwrap();
    }
    delete_doomed(db, &service.inner.attachments()).await.unwrap();
    service.bearer(service.inner.tokens.issue(who.id, clock.now()).unwrap())
}

async fn at_noon() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-11-23T04:00:00Z".parse().unwrap()))).await
}

#[actix_web::test]
async fn a_photo_is_uploaded_and_shown() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let jpeg = picture(640, 480, ImageFormat::Jpeg);
    let kind = ("content-type", "application/octet-stream");
    let name = "?name=%E7%8E%B0%E5%9C%BA.jpg";
    let photo = upload(&seller, name, &jpeg, &[kind]).await;
    let at = path(&photo.body);
    assert_eq!(photo.header("location"), at);
    let photo = photo.expect(201);
    assert_eq!(photo["name"], "现场.jpg");
    assert_eq!(photo["content_type"], "image/jpeg");
    assert_eq!((&photo["width"], &photo["height"]), (&json!(640), &json!(480)));
    assert_eq!((&photo["size"], &photo["thumbnail"]), (&json!(jpeg.len()), &json!(true)));
    assert_eq!(photo["uploaded_by"], json!(seller.id));
    assert_eq!(photo["attached_to"], json!([]));
    let read_again = seller.get(&at).await;
    let tag = read_again.header("etag").to_owned();
    assert_eq!(read_again.expect(200), photo);
    let fresh = seller.send(Method::GET, &at, None, &[("if-none-match", &tag)]).await;
    assert_eq!(fresh.status.as_u16(), 304);

    let whole = read(&seller, &at, &[("accept", "image/*")]).await;
    assert_eq!((whole.status.as_u16(), whole.bytes.as_ref()), (200, jpeg.as_slice()));
    assert_eq!(whole.header("content-type"), "image/jpeg");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    let shown = "inline; filename=\"__.jpg\"; filename*=UTF-8''%E7%8E%B0%E5%9C%BA.jpg";
    assert_eq!(whole.header("content-disposition"), shown);
    assert_eq!(whole.header("cache-control"), "private, no-cache");
    let head = seller.send(Method::HEAD, &format!("{at}/content"), None, &[]).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    assert_eq!(head.header("etag"), whole.header("etag"));

    let small = seller.get(&format!("{at}/thumbnail")).await;
    assert_eq!((small.status.as_u16(), small.header("content-type")), (200, "image/jpeg"));
    let small = image::load_from_memory(&small.bytes).unwrap();
    assert_eq!((small.width(), small.height()), (320, 240));
    let history = seller.get(&format!("{at}/history")).await.expect(200);
    assert_eq!(history["items"][0]["op"], "created");

    let pdf = uploaded(&seller, b"%PDF-1.7\n").await;
    assert!(read(&seller, &pdf, &[]).await.header("content-disposition").starts_with("attachment"));
    let none = seller.get(&format!("{pdf}/thumbnail")).await.expect(404);
    assert_eq!(none["code"], "no_thumbnail");
}

#[actix_web::test]
async fn ranges_of_bytes() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let at = uploaded(&seller, b"0123456789").await;
    let whole = read(&seller, &at, &[]).await;
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let tag = whole.header("etag");
    let parts = [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ];
    for (range, text, says) in parts {
        for also in [None, Some(("if-range", tag))] {
            let headers: Vec<_> = [("range", range)].into_iter().chain(also).collect();
            let part = read(&seller, &at, &headers).await;
            assert_eq!((part.status.as_u16(), part.header("content-range")), (206, says));
            assert_eq!(part.bytes, text);
        }
    }
    for range in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
        let beyond = read(&seller, &at, &[("range", range)]).await;
        assert_eq!(beyond.header("content-range"), "bytes */10");
        assert_eq!(beyond.expect(416)["code"], "range_not_satisfiable");
    }
    for range in ["bytes=4-2", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes", ""] {
        assert_eq!(read(&seller, &at, &[("range", range)]).await.status.as_u16(), 200, "{range}");
    }
    for known in ["\"other\"", "Mon, 23 Nov 2026 00:00:00 GMT"] {
        let changed = read(&seller, &at, &[("range", "bytes=0-0"), ("if-range", known)]).await;
        assert_eq!((changed.status.as_u16(), changed.bytes.len()), (200, 10));
    }
    let fresh = read(&seller, &at, &[("if-none-match", tag)]).await;
    assert_eq!((fresh.status.as_u16(), fresh.bytes.len()), (304, 0));
}

#[actix_web::test]
async fn the_same_bytes_lie_there_once() {
    let service = at_noon().await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let jpeg = picture(400, 300, ImageFormat::Jpeg);
    let many = join_all((0..8).map(|_| uploaded(&anna, &jpeg))).await;
    let of_boris = uploaded(&boris, &jpeg).await;
    assert_eq!(service.count("attachments").await, 9);
    assert_eq!(service.count("attachment_blobs").await, 1);
    assert_eq!((stored(&service, "files"), stored(&service, "thumbnails")), (1, 1));
    for path in &many {
        delete(&anna, path).await.expect(204);
        anna.get(path).await.expect(404);
    }
    assert_eq!(read(&boris, &of_boris, &[]).await.bytes, jpeg);
    delete(&boris, &of_boris).await.expect(204);

    // An upload of the same content within a day reuses the deleted file; a later one stores it
    // again.
    let anna = later(&service, 23, &anna).await;
    let again = uploaded(&anna, &jpeg).await;
    assert_eq!((service.count("attachment_blobs").await, stored(&service, "files")), (1, 1));
    delete(&anna, &again).await.expect(204);
    let doom = "update attachment_blobs set doomed_at = now()";
    service.sql(doom).await;
    let anew = uploaded(&anna, &jpeg).await;
    assert_eq!((service.count("attachment_blobs").await, stored(&service, "files")), (2, 2));
    delete_doomed(&service.inner.db, &service.inner.attachments()).await.unwrap();
    assert_eq!((service.count("attachment_blobs").await, stored(&service, "files")), (1, 1));
    assert_eq!(read(&anna, &anew, &[]).await.bytes, jpeg);
}

#[actix_web::test]
async fn what_nothing_names_is_gone_after_a_day() {
    let service = at_noon().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Lin & Sons").await;
    let (loose, kept) = (uploaded(&seller, b"loose").await, uploaded(&seller, b"kept").await);
    attached(&service, &seller, &[&kept], &customer).await.unwrap();
    let expires = seller.get(&loose).await.expect(200)["expires_at"].clone();
    assert_eq!(expires, "2026-11-24T04:00:00Z");
    assert_eq!(seller.get(&kept).await.expect(200)["expires_at"], Value::Null);
    let me = later(&service, 23, &seller).await;
    me.get(&loose).await.expect(200);
    let me = later(&service, 2, &seller).await;
    me.get(&loose).await.expect(404);
    assert_eq!(stored(&service, "files"), 2, "a day more for backups");
    let gone = format!("select op from changes where id = '{}' order by seq", id(&loose));
    assert_eq!(service.texts(&gone).await, ["created", "deleted"]);
    let me = later(&service, 25, &seller).await;
    assert_eq!((service.count("attachment_blobs").await, stored(&service, "files")), (1, 1));
    assert_eq!(read(&me, &kept, &[]).await.bytes, "kept");

    let let_go = async |tx: &mut Tx| detach(tx, ("customer", id(&customer)), &[]).await;
    Tx::run(&service.inner.db, &service.inner.clock, seller.id, let_go).await.unwrap();
    later(&service, 25, &seller).await;
    later(&service, 25, &seller).await;
    assert_eq!(service.count("attachments").await, 0);
    assert_eq!((service.count("attachment_blobs").await, stored(&service, "")), (0, 0));
}

#[actix_web::test]
async fn seen_through_what_has_it() {
    let service = Service::start().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (manager, admin) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Admin).await);
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("Lin & Sons").await;
    let photo = uploaded(&seller, &picture(9, 9, ImageFormat::Png)).await;
    let none = format!("{ATTACHMENTS}/{}", Uuid::now_v7());
    let all =
        |path: &str| ["", "/content", "/thumbnail", "/history"].map(|it| format!("{path}{it}"));
    for other in [&stranger, &manager, &admin] {
        for (mine, missing) in all(&photo).iter().zip(all(&none)) {
            let (mut a, mut b) =
                (other.get(mine).await.expect(404), other.get(&missing).await.expect(404));
            (a["instance"], b["instance"]) = (Value::Null, Value::Null);
            assert_eq!(a, b);
        }
        delete(other, &photo).await.expect(404);
        assert!(attached(&service, other, &[&photo], &customer).await.is_err());
    }
    attached(&service, &seller, &[&photo], &customer).await.unwrap();
    attached(&service, &seller, &[&photo], &customer).await.unwrap();
    attached(&service, &manager, &[&photo], &customer).await.unwrap();
    let there = json!([{ "type": "customer", "id": id(&customer) }]);
    for reader in [&seller, &manager, &admin] {
        for path in all(&photo) {
            assert_eq!(reader.get(&path).await.status.as_u16(), 200);
        }
        assert_eq!(reader.get(&photo).await.expect(200)["attached_to"], there);
        let problem = delete(reader, &photo).await.expect(409);
        assert_eq!(problem["code"], "attachment_in_use");
    }
    for path in all(&photo) {
        stranger.get(&path).await.expect(404);
    }
    let theirs = stranger.customer("Theirs").await;
    let problem = attached(&service, &stranger, &[&photo], &theirs).await.unwrap_err().problem();
    assert_eq!(problem.errors[0].pointer, "/attachment_ids/0");
    assert_eq!(problem.errors[0].code, "unknown_reference");
    let many = join_all((0..20).map(|n| async move { format!("{n}") })).await;
    let many = join_all(many.iter().map(|text| uploaded(&seller, text.as_bytes()))).await;
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let problem = attached(&service, &seller, &many, &customer).await.unwrap_err().problem();
    assert_eq!(problem.errors[0].code, "too_many");
    attached(&service, &seller, &many[1..], &customer).await.unwrap();
}
