//! `salesbook import` with folders as they occur in offices.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use salesbook::access::Role;
use serde_json::Value;

use crate::support::harness::Service;
use crate::support::process::Process;
use crate::support::workbooks::{Book, boolean, formatted, number, text};

/// The output and exit code of an import.
#[derive(Debug)]
pub struct Import {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub async fn import<S: AsRef<OsStr>>(process: &Process, arguments: &[S]) -> Import {
    let mut command = process.command("import");
    command.env("SALESBOOK_SOURCE_SYSTEM", "office").arg("--quiet").args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = done.status.code().unwrap();
    Import { code, stdout: text(&done.stdout), stderr: text(&done.stderr) }
}

impl Import {
    /// The created, updated, unchanged and rejected rows of each file.
    pub fn counts(&self) -> Vec<(&str, [u64; 4])> {
        let files = self.stdout.lines().filter(|line| line.contains(".csv"));
        let counts = files.map(|line| {
            let mut words = line.split_whitespace();
            let file = words.next().unwrap();
            (file, std::array::from_fn(|_| words.next().unwrap().parse().unwrap()))
        });
        counts.collect()
    }
}

/// Creates a folder with these files in the folder of the process.
pub fn folder(process: &Process, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = process.folder.join("import");
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
    folder
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// A workbook with products, orders and lines.
fn workbook() -> Vec<u8> {
    let headings = |words: &[&str]| words.iter().map(|word| text(word)).collect::<Vec<_>>();
    let products = [
        headings(&["产品编号", "产品编码", "产品名称", "税率", "是否在售"]),
        vec![text("P1"), formatted(3, "17"), text("轴承"), formatted(2, "0.13"), boolean(true)],
    ];
    let orders = [
        headings(&["订单一览", "", "", ""]),
        headings(&["订单编号", "客户编号", "订单日期", "不含税金额"]),
        vec![number("1001"), text("C1"), formatted(1, "46023"), number("2400")],
    ];
    let lines = [
        headings(&["订单编号", "行号", "产品编号", "数量", "不含税金额"]),
        vec![number("1001"), number("1"), text("P1"), number("2"), number("2400")],
    ];
    let book = Book::default().sheet("产品", &products).merged("订单", &orders, &["A1:D1"]);
    book.sheet("订单明细", &lines).bytes()
}

#[actix_web::test]
async fn a_folder_goes_in_as_an_office_keeps_it() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let admin = service.actor(Role::Admin).await;
    // 上海 and 轴承厂 in GB18030, the encoding in which Excel saves CSV in China
    let customers = [
        &b"\xbf\xcd\xbb\xa7\xb1\xe0\xba\xc5,\xbf\xcd\xbb\xa7\xc3\xfb\xb3\xc6,\xb3\xc7\xca\xd0,,\r\n"[..],
        b"C1,\xd6\xe1\xb3\xd0\xb3\xa7,\xc9\xcf\xba\xa3,,\r\n,,,,\r\n",
    ];
    let customers = customers.concat();
    let folder = folder(&process, &[("客户.csv", &customers), ("sales.xlsx", &workbook())]);
    let all = |counts| ["products.csv", "customers.csv", "orders.csv"].map(|file| (file, counts));

    let dry = import(&process, &[OsStr::new("--dry-run"), folder.as_os_str()]).await;
    let empty = [service.count("customers").await, service.count("orders").await];
    let first = import(&process, &[&folder]).await;
    let again = import(&process, &[&folder]).await;
    let dry_again = import(&process, &[OsStr::new("--dry-run"), folder.as_os_str()]).await;

    assert_eq!((dry.code, dry.counts()), (0, all([1, 0, 0, 0]).to_vec()), "{dry:?}");
    assert!(dry.stdout.ends_with("dry run: nothing was changed\n"));
    assert_eq!(empty, [0, 0]);
    assert_eq!((first.code, first.counts()), (0, all([1, 0, 0, 0]).to_vec()), "{first:?}");
    assert_eq!((again.code, again.counts()), (0, all([0, 0, 1, 0]).to_vec()), "{again:?}");
    assert_eq!((dry_again.code, dry_again.counts()), (0, all([0, 0, 1, 0]).to_vec()));
    let customer = admin.get("/api/v1/customers").await.expect(200)["items"][0].clone();
    assert_eq!((&customer["name"], &customer["city"]), (&"轴承厂".into(), &"上海".into()));
    let product = admin.get("/api/v1/products").await.expect(200)["items"][0].clone();
    assert_eq!((&product["code"], &product["tax_rate"]), (&"00017".into(), &"13".into()));
    let order = admin.get("/api/v1/orders").await.expect(200)["items"][0].clone();
    assert_eq!(
        (&order["external_id"], &order["order_date"]),
        (&"1001".into(), &"2026-01-01".into())
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing was rejected");
}

#[actix_web::test]
async fn nothing_is_sent_from_a_folder_with_one_broken_file() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let good = "external_id,name\nC1,One\n";
    let rows = (2..8).map(|row| format!("{row},Name {row}\n")).collect::<Vec<_>>().concat();
    let broken = format!("external_id,name\n1,\"Name 1\n{rows}");
    let folder =
        folder(&process, &[("customers.csv", good.as_bytes()), ("teams.csv", broken.as_bytes())]);

    let import = import(&process, &[&folder]).await;

    assert_eq!(import.code, 2, "{import:?}");
    let told = "salesbook: teams.csv, line 2, column 3: the quote that begins here is not closed\n";
    assert_eq!(import.stderr, told);
    assert_eq!((service.count("customers").await, service.count("teams").await), (0, 0));
}

#[actix_web::test]
async fn rejected_rows_are_corrected_and_imported_as_they_are() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let orders = "External ID,Customer external ID,Order date,Amount\n\
        A,C1,2026/1/5,30\n\
        B,C1,1/5/2026,5\n\
        C,\"C\n1\",2026/1/5,1\n\
        D,C1,2026/1/6,1.00000000\n";
    let lines = "order external id,line number,quantity,amount\n\
        A,1,1,10\nB,1,1,5\nA,2,x,20\nC,1,1,1\nD,1,1,1\nZ,1,1,1\n";
    let folder = folder(
        &process,
        &[
            ("customers.csv", b"external_id,name\nC1,One\n"),
            ("orders.csv", orders.as_bytes()),
            ("order_lines.csv", lines.as_bytes()),
        ],
    );

    let first = import(&process, &[&folder]).await;
    let rejected = read(&folder, "orders.rejected.csv");
    let rejected_lines = read(&folder, "order_lines.rejected.csv");
    let again = import(&process, &[folder.join("orders.rejected.csv")]).await;
    let untouched = read(&folder, "orders.rejected.csv");
    let correct = |text: &str| {
        let text = text.replace("1/5/2026", "2026-01-05").replace("\"C\n1\"", "C1");
        text.replace("1.00000000", "1")
            .replace(",x,", ",1,")
            .replace("Z,", "D,")
            .replace("D,1,1,1,line 7", "D,2,1,0,line 7")
    };
    fs::write(folder.join("orders.rejected.csv"), correct(&rejected)).unwrap();
    fs::write(folder.join("order_lines.rejected.csv"), correct(&rejected_lines)).unwrap();
    let dry = import(
        &process,
        &[OsStr::new("--dry-run"), folder.join("orders.rejected.csv").as_os_str()],
    )
    .await;
    let kept = read(&folder, "orders.rejected.csv");
    let last = import(&process, &[folder.join("orders.rejected.csv")]).await;

    assert_eq!(first.code, 1, "{first:?}");
    assert_eq!(first.stderr, "salesbook: some rows were refused, see *.rejected.csv\n");
    let wanted = [
        ("customers.csv", [1, 0, 0, 0]),
        ("orders.csv", [0, 0, 0, 4]),
        ("order_lines.csv", [0, 0, 0, 1]),
    ];
    assert_eq!(first.counts(), wanted);
    assert!(
        rejected
            .starts_with("\u{feff}External ID,Customer external ID,Order date,Amount,reason\r\n")
    );
    for told in [
        "A,C1,2026/1/5,30,\"line 2: line 2: quantity: is not a number",
        "B,C1,1/5/2026,5,\"line 3: Order date: is not a date",
        // The row of C spans two lines.
        "line 4: Customer external ID: ",
        "line 6: Amount: ",
    ] {
        assert!(rejected.contains(told), "{told}: {rejected}");
    }
    assert!(!rejected.contains('^') && !rejected_lines.contains('^'), "{rejected}");
    assert_eq!(rejected_lines.lines().count(), 1 + 6, "{rejected_lines}");
    assert_eq!((again.code, again.counts()[0]), (1, ("orders.csv", [0, 0, 0, 4])), "{again:?}");
    assert_eq!(untouched.lines().count(), rejected.lines().count());
    assert_eq!((dry.code, dry.counts()), (0, vec![("orders.csv", [4, 0, 0, 0])]), "{dry:?}");
    assert_eq!(kept, correct(&rejected));
    assert_eq!((last.code, last.counts()), (0, vec![("orders.csv", [4, 0, 0, 0])]), "{last:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "no rejected file is left");
    assert_eq!(service.count("orders").await, 4);
    assert_eq!(service.count("order_lines").await, 6);
}

#[actix_web::test]
async fn a_dry_run_finds_what_an_import_would_refuse() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let folder = folder(
        &process,
        &[
            (
                "teams.csv",
                "团队编号,团队名称,上级团队编号\n1,华东,\n2,上海,1\n3,北方,9\n".as_bytes(),
            ),
            ("users.csv", "工号,姓名,团队编号\nu1,李四,2\nu2,王五,3\n".as_bytes()),
            (
                "customers.csv",
                "客户编号,客户名称,业务员编号\nC1,甲,u1\nC2,乙,u2\nC3,丙,u7\nC3,丁,\n".as_bytes(),
            ),
            (
                "orders.csv",
                "订单编号,客户编号,订单日期\nA,C1,2026年1月5日\nB,C2,2026-01-05\nC,C3,2026-01-05\n"
                    .as_bytes(),
            ),
            (
                "order_lines.csv",
                b"order external id,line number,quantity,amount\nA,1,1,10\nB,1,1,5\nC,1,1,1\n",
            ),
        ],
    );

    let small =
        [OsStr::new("--dry-run"), OsStr::new("--batch-size"), OsStr::new("1"), folder.as_os_str()];
    let dry = import(&process, &small).await;
    let rows = [service.count("teams").await, service.count("customers").await];
    let real = import(&process, &[&folder]).await;

    let wanted = vec![
        ("teams.csv", [2, 0, 0, 1]),
        ("users.csv", [1, 0, 0, 1]),
        ("customers.csv", [1, 0, 0, 3]),
        ("orders.csv", [1, 0, 0, 2]),
    ];
    assert_eq!((dry.code, dry.counts(), rows), (1, wanted.clone(), [0, 0]), "{dry:?}");
    assert_eq!((real.code, real.counts()), (1, wanted), "{real:?}");
    let rejected = read(&folder, "customers.rejected.csv");
    assert!(
        rejected.starts_with("\u{feff}客户编号,客户名称,业务员编号,错误原因\r\n"),
        "{rejected}"
    );
    assert!(
        rejected.contains("C3,丙,u7,\"第 4 行: C3 与第 5 行重复但内容不同,请只保留一行\"\r\n"),
        "{rejected}"
    );
}

#[actix_web::test]
async fn rows_that_were_exported_are_unchanged() {
    const COLUMNS: [&str; 8] =
        ["external_id", "name", "city", "address", "phone", "latitude", "longitude", "tier"];
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let admin = service.actor(Role::Admin).await;
    let odd = [
        "a, \"b\"",
        "=1+1",
        "#1",
        "1-Mar x",
        "\u{ff12}026",
        "a;b\tc",
        "TRUE",
        "0012",
        "E+12",
        "总计划",
        "x\\N",
    ];
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = odd.iter().enumerate().map(|(at, text)| {
        let text = cell(text);
        format!("0{at},{text},{text},{text},021-55550{at:02},{at}.25,121.5,A\n")
    });
    let file = format!("{}\n{}", COLUMNS.join(","), rows.collect::<String>());
    let folder = folder(&process, &[("customers.csv", file.as_bytes())]);

    let first = import(&process, &[&folder]).await;
    let exported = admin.get("/api/v1/customers?limit=200").await.expect(200);
    let mut file = "\u{feff}".to_owned() + &COLUMNS.join(";") + "\n";
    for row in exported["items"].as_array().unwrap() {
        let cells = COLUMNS.map(|name| match &row[name] {
            Value::String(text) => cell(text),
            other => other.to_string(),
        });
        file += &(cells.join(";") + "\r\n");
    }
    fs::write(folder.join("customers.csv"), file).unwrap();
    let again = import(&process, &[&folder]).await;

    let count = odd.len() as u64;
    assert_eq!(
        (first.code, first.counts()),
        (0, vec![("customers.csv", [count, 0, 0, 0])]),
        "{first:?}"
    );
    assert_eq!(
        (again.code, again.counts()),
        (0, vec![("customers.csv", [0, 0, count, 0])]),
        "{again:?}"
    );
}
