//! Text that is not UTF-8, in every kind of input.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use actix_web::http::Method;
use salesbook::access::Role;

use crate::service::imports::{folder, import};
use crate::support::harness::Service;
use crate::support::process::{Process, exchange};

#[actix_web::test]
async fn in_bodies() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let send = async |path: &str, kind: &str, body: &[u8]| {
        let headers = [("content-type", kind), ("accept", "application/json")];
        let answer = admin.send_bytes(Method::POST, path, body.to_vec(), &headers).await;
        answer.expect(400)["code"].as_str().map(str::to_owned)
    };
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    let malformed = Some("malformed_json".to_owned());

    for body in [
        &b"{\"name\":\"\xff\"}"[..],
        b"{\"name\":\"\xed\xa0\x80\"}",
        b"{\"\xc0\xaf\":1}",
        b"\xff\xfe{\0}\0",
    ] {
        assert_eq!(send("/api/v1/customers", json, body).await, malformed);
        assert_eq!(send("/api/v1/customers/batch", "application/x-ndjson", body).await, malformed);
    }
    let item = b"{\"items\":[{\"external_id\":\"1\",\"name\":\"\xb1\xb1\"}]}";
    assert_eq!(send("/api/v1/customers/batch", json, item).await, malformed);
    let unreadable = Some("unreadable_body".to_owned());
    assert_eq!(send("/public/surveys/x", form, b"quality=%FF").await, unreadable);
    assert_eq!(send("/public/surveys/x", form, b"quality=\xff").await, unreadable);
    assert_eq!(service.count("customers").await, 0);
}

#[actix_web::test]
async fn in_forms_and_names_of_files() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let send = async |path: &str, body: &[u8], headers: &[(&str, &str)]| {
        admin.send_bytes(Method::POST, path, body.to_vec(), headers).await.expect(400)
    };

    let form = [("content-type", "application/x-www-form-urlencoded")];
    let grant = b"grant_type=client_credentials&client_id=%FF&client_secret=x";
    assert_eq!(send("/api/v1/auth/token", grant, &form).await["error"], "invalid_request");

    let name = "attachment; filename*=UTF-8''%FF.txt";
    let raw = [("content-type", "text/plain"), ("content-disposition", name)];
    let told = send("/api/v1/attachments", b"text", &raw).await;
    assert_eq!(told["code"], "invalid_header");
    let multipart = [("content-type", "multipart/form-data; boundary=b")];
    for name in ["filename*=UTF-8''%FF.txt", "filename=\"\u{fffd}.txt\""] {
        let part = format!(
            "--b\r\nContent-Disposition: form-data; name=file; {name}\r\n\r\ntext\r\n--b--\r\n"
        );
        // The replacement character stands for a byte that is not UTF-8.
        let bytes: Vec<u8> = part.split('\u{fffd}').collect::<Vec<_>>().join("\u{0}").into_bytes();
        let bytes: Vec<u8> =
            bytes.into_iter().map(|byte| if byte == 0 { 0xFF } else { byte }).collect();
        send("/api/v1/attachments", &bytes, &multipart).await;
    }
    assert_eq!(service.count("attachments").await, 0);
}

#[actix_web::test]
async fn in_paths_and_queries() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;

    for (path, pointer) in [
        ("/api/v1/customers?q=%FF", "/q"),
        ("/api/v1/customers?q=a%E4%B8", "/q"),
        ("/api/v1/customers?limit=1&q=%C0%AF", "/q"),
        ("/api/v1/users?q=%ED%A0%80", "/q"),
        ("/api/v1/reports/sales?period=%FF", "/period"),
        ("/api/v1/changes?cursor=%FE", "/cursor"),
        ("/public/surveys/x?lang=%FF", "/lang"),
        ("/api/v1/customers?%FF=1", "/\u{fffd}"),
    ] {
        let told = admin.send(Method::GET, path, None, &[("accept", "application/json")]).await;
        let told = told.expect(400);
        assert_eq!(
            (&told["code"], &told["errors"][0]["code"]),
            (&"invalid_query".into(), &"invalid_encoding".into()),
            "{path}"
        );
        assert_eq!(told["errors"][0]["pointer"], pointer);
    }
    for path in ["/api/v1/customers/%FF", "/api/v1/%C3%28"] {
        assert_eq!(admin.get(path).await.expect(400)["code"], "invalid_path", "{path}");
    }
    let good = admin.get("/api/v1/customers?q=%E4%B8%8A%E6%B5%B7").await;
    good.expect(200);
}

#[actix_web::test]
async fn in_headers_and_raw_targets() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let exchange = async |request: &[u8]| {
        let answer = exchange(process.port, request).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let head =
        format!("host: a\r\nconnection: close\r\nauthorization: Bearer {}\r\n", caller.token);

    for name in [
        "idempotency-key",
        "if-none-match",
        "accept",
        "accept-language",
        "user-agent",
        "x-anything",
    ] {
        let start = format!("GET /api/v1/me HTTP/1.1\r\n{head}{name}: ");
        let answer = exchange(&[start.as_bytes(), b"a\xff", b"\r\n\r\n"].concat()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("invalid_header"),
            "{name}: {answer}"
        );
        let answer =
            exchange(&[start.as_bytes(), "*/*, 客户".as_bytes(), b"\r\n\r\n"].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    for target in [&b"/api/v1/customers?q=\xff"[..], b"/api/v1/customers/\xff"] {
        let request = [&b"GET "[..], target, b" HTTP/1.1\r\n", head.as_bytes(), b"\r\n"].concat();
        let answer = exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[actix_web::test]
async fn on_the_command_line_and_in_files() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let folder = folder(&process, &[("customers.csv", b"external_id,name\nC1,\xff\n")]);
    let secret = process.folder.join("secret");
    fs::write(&secret, b"\xff\xfe").unwrap();
    let odd = OsStr::from_bytes(b"\xff");

    let argument =
        import(&process, &[OsStr::new("--source-system"), odd, folder.as_os_str()]).await;
    let option = OsStr::from_bytes(b"--password=\xff");
    let password = import(&process, &[option, folder.as_os_str()]).await;
    let file = format!("--password=file:{}", secret.display());
    let file = import(&process, &[OsStr::new(&file), folder.as_os_str()]).await;
    let csv = import(&process, &[folder.as_os_str()]).await;

    for refused in [argument, password, file, csv] {
        assert_eq!(refused.code, 2, "{refused:?}");
    }
    assert_eq!(service.count("customers").await, 0);
}
