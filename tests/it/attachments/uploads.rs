//! Accepted and refused uploads, and the ways of uploading.

use image::ImageFormat;
use salesbook::access::Role;
use serde_json::json;

use crate::attachments::{path, picture, read, stored, upload, uploaded};
use crate::support::harness::Service;

const MIB: usize = 1 << 20;

/// The header of a PNG that declares more pixels than it contains.
fn bomb(width: u32, height: u32, bit_depth: u8, color_type: u8) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let head = [b"IHDR", size.as_slice(), &[bit_depth, color_type, 0, 0, 0]].concat();
    let crc = head.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    let data = picture(1, 1, ImageFormat::Png);
    [&data[..12], &head, &(!crc).to_be_bytes(), &data[33..]].concat()
}

#[actix_web::test]
async fn what_it_is_decides_and_not_what_it_is_called() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let odd: [&[u8]; 7] = [
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
        b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        b"#!/bin/sh\nrm -rf /\n",
        b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"GIF89a\x01\0\x01\0\0\0\0;",
    ];
    for bytes in odd {
        let jpeg = [("content-type", "image/jpeg")];
        let problem = upload(&seller, "?name=photo.jpg", bytes, &jpeg).await.expect(415);
        assert_eq!(problem["code"], "unsupported_file", "{}", String::from_utf8_lossy(bytes));
    }
    let empty = upload(&seller, "?name=photo.jpg", b"", &[]).await.expect(422);
    assert_eq!(empty["code"], "empty_file");
    let packed = [("content-encoding", "gzip")];
    let packed = upload(&seller, "", b"text", &packed).await.expect(415);
    assert_eq!(packed["code"], "unsupported_media_type");
    assert_eq!(service.count("attachments").await, 0);
    assert_eq!((service.count("attachment_blobs").await, stored(&service, "")), (0, 0));

    let text = upload(&seller, "?name=run.bat", b"dir c:", &[]).await.expect(201);
    let saved = read(&seller, &path(&text), &[]).await;
    assert_eq!(saved.header("content-type"), "text/plain; charset=utf-8");
    assert!(saved.header("content-disposition").contains("run.bat.txt"), "never runs");
}

#[actix_web::test]
async fn sizes_have_limits() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let largest = vec![b'a'; 20 * MIB];
    let made = upload(&seller, "", &largest, &[]).await.expect(201);
    assert_eq!(made["size"], json!(20 * MIB));
    for size in [20 * MIB + 1, 25 * MIB] {
        let problem = upload(&seller, "", &vec![b'a'; size], &[]).await.expect(413);
        assert_eq!(problem["code"], "body_too_large");
    }
    let (kind, form) = form("x", &[("a.txt", &vec![b'a'; 20 * MIB + 1])]);
    let problem = upload(&seller, "", &form, &[("content-type", &kind)]).await.expect(413);
    assert_eq!(problem["code"], "body_too_large");

    let bombs = [
        bomb(50_000, 50_000, 8, 2),
        bomb(u32::MAX >> 1, 1, 8, 2),
        bomb(16_001, 1, 8, 2),
        bomb(10_000, 5_001, 8, 0),
        bomb(7_000, 7_000, 16, 6),
    ];
    for bytes in bombs {
        let problem = upload(&seller, "?name=small.png", &bytes, &[]).await.expect(422);
        assert_eq!(problem["code"], "image_too_large");
    }
    let (jpeg, png) = (picture(64, 64, ImageFormat::Jpeg), picture(64, 64, ImageFormat::Png));
    for half in [&png[..30], &png[..png.len() / 2], &jpeg[..30], &bomb(64, 64, 8, 2)] {
        let problem = upload(&seller, "", half, &[]).await.expect(422);
        assert_eq!(problem["code"], "unreadable_image");
    }
    assert_eq!(service.count("attachments").await, 1);
}

/// The Content-Type and body of a form with these files.
fn form(boundary: &str, files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = vec![];
    for (name, bytes) in files {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

#[actix_web::test]
async fn forms_with_one_file() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let jpeg = picture(700, 20, ImageFormat::Jpeg);
    let (kind, body) = form("one", &[("现场 1.jpg", &jpeg)]);
    let headers = [("content-type", kind.as_str()), ("idempotency-key", "photo-1")];
    let made = upload(&seller, "", &body, &headers).await.expect(201);
    assert_eq!((&made["name"], &made["size"]), (&json!("现场 1.jpg"), &json!(jpeg.len())));
    assert_eq!(read(&seller, &path(&made), &[]).await.bytes, jpeg);
    // A repeated upload builds the form again, with another boundary.
    let (kind, again) = form("two", &[("现场 1.jpg", &jpeg)]);
    let headers = [("content-type", kind.as_str()), ("idempotency-key", "photo-1")];
    let replayed = upload(&seller, "", &again, &headers).await;
    assert_eq!(replayed.header("idempotency-replayed"), "true");
    assert_eq!(replayed.expect(201), made);
    let renamed = upload(&seller, "?name=b.jpg", &body, &[headers[0]]).await;
    assert_eq!(renamed.expect(400)["code"], "malformed_multipart", "another boundary");
    let renamed = upload(&seller, "?name=b.jpg", &again, &[headers[0]]).await.expect(201);
    assert_eq!(renamed["name"], "b.jpg");

    let two = form("x", &[("a.txt", b"a"), ("b.txt", b"b")]);
    let none = form("x", &[]);
    let cut = (two.0.clone(), two.1[..60].to_vec());
    let nameless = ("multipart/form-data".to_owned(), two.1.clone());
    for (kind, body) in [two, none, cut, nameless] {
        let problem = upload(&seller, "", &body, &[("content-type", &kind)]).await.expect(400);
        assert_eq!(problem["code"], "malformed_multipart");
    }
    let (kind, empty) = form("x", &[("a.txt", b"")]);
    let problem = upload(&seller, "", &empty, &[("content-type", &kind)]).await.expect(422);
    assert_eq!(problem["code"], "empty_file");
}

#[actix_web::test]
async fn names_are_tame() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let named = async |query: &str, disposition: &str| {
        let headers = [("content-disposition", disposition)];
        let headers = if disposition.is_empty() { &[] } else { &headers[..] };
        upload(&seller, query, b"text", headers).await.expect(201)["name"].clone()
    };
    assert_eq!(named("?name=..%2F..%2Fetc%2Fpasswd", "").await, "passwd");
    assert_eq!(named("?name=C:%5Ca%5Cb.txt", "").await, "b.txt");
    assert_eq!(named("?name=a%22b%27%3B.txt", "").await, "a\"b';.txt");
    assert_eq!(named("", "attachment; filename=\"a\\\"b.txt\"").await, "a\"b.txt");
    assert_eq!(named("", "attachment; filename*=UTF-8''%E5%9B%BE%0D%0A.txt").await, "图.txt");
    assert_eq!(named("", "nonsense; =").await, "file.txt");
    assert_eq!(named("?name=..", "").await, "file.txt");
    let quoted = upload(&seller, "?name=a%22%0D.txt", b"text", &[]).await.expect(400);
    assert_eq!(quoted["code"], "invalid_query");
    upload(&seller, "?nmae=a.txt", b"text", &[]).await.expect(400);
    let odd = upload(&seller, "?name=%22%3B%20x%3D1.txt", b"text", &[]).await.expect(201);
    let header = read(&seller, &path(&odd), &[]).await;
    let header = header.header("content-disposition");
    assert_eq!(header, "attachment; filename=\"__ x_1.txt\"; filename*=UTF-8''%22%3B%20x=1.txt");
}

#[actix_web::test]
async fn sent_again_it_is_one_upload() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let key = [("idempotency-key", "voice-1")];
    let first = upload(&seller, "?name=a.txt", b"text", &key).await.expect(201);
    let again = upload(&seller, "?name=a.txt", b"text", &key).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.expect(201), first);
    for (query, body) in [("?name=a.txt", "other"), ("?name=b.txt", "text")] {
        let problem = upload(&seller, query, body.as_bytes(), &key).await.expect(422);
        assert_eq!(problem["code"], "idempotency_key_reused");
    }
    assert_eq!(service.count("attachments").await, 1);
    let erp = service.client(Role::Erp, "sap").await;
    let problem = upload(&erp, "", b"text", &[]).await.expect(400);
    assert_eq!(problem["code"], "idempotency_key_required");
    upload(&erp, "", b"text", &key).await.expect(201);
    let reporter = service.actor(Role::Reporter).await;
    upload(&reporter, "", b"text", &[]).await.expect(403);
}

#[actix_web::test]
async fn a_store_that_fails_is_no_fault_of_the_caller() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let at = uploaded(&seller, b"text").await;
    std::fs::remove_dir_all(service.files.join("files")).unwrap();
    let problem = read(&seller, &at, &[]).await;
    assert_eq!(problem.header("retry-after"), "1");
    assert_eq!(problem.expect(503)["code"], "storage_unavailable");
    std::fs::write(service.files.join("files"), "in the way").unwrap();
    let problem = upload(&seller, "", b"other", &[]).await.expect(503);
    assert_eq!(problem["code"], "storage_unavailable");
    assert_eq!(service.count("attachments").await, 1);
    std::fs::remove_file(service.files.join("files")).unwrap();
    let at = uploaded(&seller, b"other").await;
    assert_eq!(read(&seller, &at, &[]).await.bytes, "other");
}
