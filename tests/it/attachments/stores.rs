//! The file store of a process: a folder, including sudden deaths of the process, and a bucket.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use futures_util::future::join_all;
use image::ImageFormat;
use tokio::time::sleep;

use crate::attachments::picture;
use crate::support::process::{Process, START, Told, exchange};

/// Sends a request with arbitrary bytes as its body.
async fn send(port: u16, token: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n",
        body.len()
    );
    exchange(port, &[head.as_bytes(), b"\r\n", body].concat()).await
}

/// Uploads a file. Returns the path of the new attachment, if there was an answer.
async fn upload(port: u16, token: &str, body: &[u8]) -> Option<String> {
    let told = Told::read(&send(port, token, "POST /api/v1/attachments", body).await)?;
    assert!(matches!(told.status, 201 | 503), "{}", told.body);
    Some(format!("/api/v1/attachments/{}", told.body["id"].as_str()?))
}

async fn content(port: u16, token: &str, path: &str) -> Vec<u8> {
    let answer = send(port, token, &format!("GET {path}/content"), b"").await;
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer[end + 4..].to_vec()
}

#[actix_web::test]
async fn an_acknowledged_file_outlives_the_process() {
    let mut process = Process::private().await;
    let mut kept = vec![];
    for round in 0..3 {
        let (port, token) = (process.port, process.admin().await.token);
        let acknowledged = Rc::new(Cell::new(0));
        let count = acknowledged.clone();
        let uploads = rt::spawn(async move {
            let texts = (0..60).map(|number| format!("round {round} file {number}"));
            let uploads = texts.map(|text| async {
                let path = upload(port, &token, text.as_bytes()).await?;
                count.set(count.get() + 1);
                Some((text, path))
            });
            join_all(uploads).await
        });
        while acknowledged.get() < 5 + 10 * round {
            sleep(Duration::from_millis(1)).await;
        }
        process.kill();
        kept.extend(uploads.await.unwrap().into_iter().flatten());
        process.start();
        process.ready(START).await;
    }
    let token = process.admin().await.token;
    for (text, path) in &kept {
        assert_eq!(content(process.port, &token, path).await, text.as_bytes());
    }
    assert!(kept.len() >= 45);
    println!("{} files were acknowledged, and all are there", kept.len());
}

type Objects = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// A mock of S3 with the operations that the service uses.
async fn bucket(req: HttpRequest, body: Bytes, objects: Data<Objects>) -> HttpResponse {
    let signed = req
        .headers()
        .get("authorization")
        .is_some_and(|it| it.to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=key/"));
    let (mut objects, path) = (objects.lock().unwrap(), req.path().to_owned());
    let mut response = HttpResponse::Ok();
    response.insert_header((ETAG, "\"1\""));
    response.insert_header((LAST_MODIFIED, "Mon, 23 Nov 2026 00:00:00 GMT"));
    match (req.method(), objects.get(&path)) {
        _ if !signed => HttpResponse::Forbidden().finish(),
        (&Method::PUT, _) => {
            objects.insert(path, body);
            response.finish()
        }
        (&Method::DELETE, _) => {
            objects.remove(&path);
            HttpResponse::NoContent().finish()
        }
        (_, None) => HttpResponse::NotFound().finish(),
        (_, Some(bytes)) => {
            let range = req.headers().get(RANGE).and_then(|it| it.to_str().ok());
            let range = range.and_then(|it| it.strip_prefix("bytes=")?.split_once('-'));
            let Some((from, to)) = range else { return response.body(bytes.clone()) };
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            let says = format!("bytes {from}-{to}/{}", bytes.len());
            response.status(actix_web::http::StatusCode::PARTIAL_CONTENT);
            response.insert_header((CONTENT_RANGE, says)).body(bytes.slice(from..=to))
        }
    }
}

#[actix_web::test]
async fn a_bucket_does_as_well() {
    let objects = Objects::default();
    let shared = Data::new(objects.clone());
    let server = HttpServer::new(move || {
        App::new().app_data(shared.clone()).default_service(web::to(bucket))
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", server.addrs()[0]);
    rt::spawn(server.run());
    let mut process = Process::new();
    for (name, value) in [
        ("SALESBOOK_ATTACHMENTS", "s3://files/of/salesbook"),
        ("AWS_ENDPOINT", &endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "cn-north-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("NO_PROXY", "127.0.0.1"),
    ] {
        process.set(name, value);
    }
    process.start();
    process.ready(START).await;
    let token = process.admin().await.token;
    let photo = picture(40, 30, ImageFormat::Png);
    let path = upload(process.port, &token, &photo).await.unwrap();
    assert_eq!(content(process.port, &token, &path).await, photo);
    let part = format!("GET {path}/content HTTP/1.1\r\nrange: bytes=1-3\r\nx:");
    let part = send(process.port, &token, &part, b"").await;
    assert!(part.starts_with(b"HTTP/1.1 206") && part.ends_with(b"PNG"));
    let small = send(process.port, &token, &format!("GET {path}/thumbnail"), b"").await;
    assert!(small.starts_with(b"HTTP/1.1 200"));
    let head = send(process.port, &token, &format!("HEAD {path}/content"), b"").await;
    assert_eq!(Told::read(&[&head, photo.as_slice()].concat()).unwrap().status, 200);
    let length = format!("content-length: {}", photo.len());
    assert!(String::from_utf8_lossy(&head).contains(&length), "and nothing after its head");
    assert!(head.ends_with(b"\r\n\r\n"));
    let names: Vec<String> = objects.lock().unwrap().keys().cloned().collect();
    let at = ["/files/of/salesbook/files/", "/files/of/salesbook/thumbnails/"];
    assert_eq!(names.len(), 2);
    assert!(names.iter().zip(at).all(|(name, at)| name.starts_with(at)), "{names:?}");
    objects.lock().unwrap().clear();
    let gone = send(process.port, &token, &format!("GET {path}/content"), b"").await;
    assert!(gone.starts_with(b"HTTP/1.1 503"));
}
