//! An import during which the service and its database are killed, and the resulting figures.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::process::{Process, count, signal, texts};
use crate::support::sampling::{often, or_in_torture};

const PEOPLE: usize = 4;

/// The numbers of customers and of orders in the files.
fn sizes() -> (usize, usize) {
    or_in_torture((60, 150), (200, 500))
}

/// The number of kills: half of them hit the service, the others its database.
fn deaths() -> usize {
    or_in_torture(4, 10)
}

/// Time limit for the restart of a debug build.
const BACK: Duration = Duration::from_secs(20);

/// Time limit of the client for a whole run with all interruptions.
const PATIENCE: Duration = Duration::from_mins(4);

const REPORTS: [&str; 5] = [
    "/reports/sales?from=2026-01-01&to=2027-01-01&group_by=salesperson,month",
    "/reports/sales?from=2026-01-01&to=2027-01-01&group_by=category",
    "/reports/attainment?from=2026-01-01&to=2027-01-01",
    "/reports/abc?from=2026-01-01&to=2027-01-01",
    "/reports/top?of=customer&from=2026-01-01&to=2027-01-01&limit=50",
];

fn write_files(folder: &Path) {
    let (customer_count, order_count) = sizes();
    fs::create_dir_all(folder).unwrap();
    let mut users = "external_id,name\n".to_owned();
    let mut targets =
        "external_id,owner_type,owner_external_id,period_type,period_start,value\n".to_owned();
    for number in 0..PEOPLE {
        writeln!(users, "u{number},Person {number}").unwrap();
        writeln!(targets, "t{number},user,u{number},month,2026-03-01,{}", 1000 * number + 7)
            .unwrap();
    }
    let products =
        "external_id,code,name,category\np0,P0,P0,A\np1,P1,P1,B\np2,P2,P2,B\n".to_owned();
    let mut customers = "external_id,name\n".to_owned();
    for number in 0..customer_count {
        writeln!(customers, "c{number},Customer {number}").unwrap();
    }
    let mut orders =
        "external_id,customer_external_id,salesperson_external_id,order_date\n".to_owned();
    let mut lines =
        "order_external_id,line_number,product_external_id,quantity,unit_price,amount\n".to_owned();
    for number in 0..order_count {
        let (customer, person, day) = (number % customer_count, number % PEOPLE, number % 28 + 1);
        writeln!(orders, "o{number},c{customer},u{person},2026-03-{day:02}").unwrap();
        for line in 1..=3 {
            writeln!(lines, "o{number},{line},p{},2,{number},{}", line % 3, 2 * number).unwrap();
        }
    }
    let files = [
        ("users", users),
        ("products", products),
        ("targets", targets),
        ("customers", customers),
        ("orders", orders),
        ("order_lines", lines),
    ];
    for (name, text) in files {
        fs::write(folder.join(name).with_extension("csv"), text).unwrap();
    }
}

fn import(process: &Process, folder: &Path, batch: &str) -> Child {
    let mut command = process.command("import");
    command.arg(folder);
    command.args(["--quiet", "--source-system", "sap", "--batch-size", batch, "--parallel", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits for the end of a run. Returns its output.
async fn end(mut run: Child) -> String {
    let start = Instant::now();
    while run.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "the import does not end");
        sleep(Duration::from_millis(20)).await;
    }
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// The created, updated, unchanged and failed rows.
fn counts(said: &str) -> Vec<usize> {
    let total = said.lines().find(|it| it.starts_with("total")).unwrap();
    total.split_whitespace().skip(1).take(4).map(|it| it.parse().unwrap()).collect()
}

/// Kills the service and its database in turn while an import runs, each time after some more rows;
/// `rows` is the final number of rows.
async fn kill_in_turn(process: &mut Process, run: &mut Child, rows: usize) {
    let table = "(select id from customers union all select id from orders) as it";
    let deaths = deaths();
    for round in 0..deaths {
        let (start, enough) = (Instant::now(), rows * (2 * round + 1) / (2 * deaths + 1));
        while count(&process.database(), table).await < enough {
            assert!(start.elapsed() < PATIENCE, "it stopped before {enough}");
            assert!(run.try_wait().unwrap().is_none(), "it was over before death {round}");
            sleep(Duration::from_millis(5)).await;
        }
        assert!(run.try_wait().unwrap().is_none(), "it was over before death {round}");
        if round % 2 == 0 {
            process.kill();
            process.start();
        } else {
            let pid = process.postmaster().unwrap();
            signal("KILL", pid);
            let start = Instant::now();
            while process.postmaster().is_none_or(|new| new == pid) {
                assert!(start.elapsed() < BACK, "{}", process.log());
                sleep(Duration::from_millis(10)).await;
            }
        }
        process.ready(BACK).await;
    }
}

/// The reports with names and figures, but without ids that differ between services.
async fn reports(process: &Process, paths: &[&str]) -> Vec<String> {
    fn strip(value: &mut Value) {
        match value {
            Value::String(text) if Uuid::parse_str(text).is_ok() => *value = json!("an id"),
            Value::Array(rows) => {
                rows.iter_mut().for_each(strip);
                // Rows with equal names or figures are ordered by id, which differs.
                rows.sort_by_key(Value::to_string);
            }
            Value::Object(fields) => {
                fields.retain(|name, _| name != "generated_at");
                fields.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let caller = process.admin().await;
    let mut said = vec![];
    for path in paths {
        let mut answer = caller.get(path).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        strip(&mut answer.body);
        said.push(format!("{path} {:#}", answer.body));
    }
    said
}

/// The number of rows of each kind, and the sums of the ledger and of the orders.
async fn contents(process: &Process) -> Vec<String> {
    let tables = [
        "users",
        "products",
        "customers",
        "orders",
        "order_lines",
        "sales_entries",
        "targets",
        "changes where type in ('customer', 'order', 'target', 'product')",
    ];
    let counts = tables.map(|table| format!("select $${table} $$ || count(*) from {table}"));
    let sums = "select sum(amount)::text from sales_entries union all
        select sum(amount)::text from orders";
    let mut rows =
        texts(&process.database(), &format!("{} union all {sums}", counts.join(" union all ")))
            .await;
    // Parallel workers store rows in any order.
    rows.sort();
    rows
}

/// Imports the same files into two services, one with kills and one without, and compares them.
async fn compare(
    folder: &Path,
    batch: &str,
    rows: usize,
    paths: &[&str],
    prepare: impl AsyncFn(&Process),
) -> (Vec<usize>, Vec<String>) {
    let mut process = Process::private().await;
    prepare(&process).await;
    let start = Instant::now();
    let mut run = import(&process, folder, batch);
    kill_in_turn(&mut process, &mut run, rows).await;
    let first = end(run).await;
    let took = start.elapsed();
    let before = contents(&process).await;
    let again = end(import(&process, folder, batch)).await;
    assert_eq!(contents(&process).await, before, "the repetition has changed something");
    let again = counts(&again);
    assert_eq!((again[0], again[1], again[3]), (0, 0, 0), "{first}");
    let figures = reports(&process, paths).await;
    drop(process);

    let calm = Process::private().await;
    prepare(&calm).await;
    let undisturbed = counts(&end(import(&calm, folder, batch)).await);
    assert_eq!((undisturbed[0], undisturbed[3]), (again[2], 0));
    assert_eq!(contents(&calm).await, before, "with deaths and without");
    for (with, without) in figures.iter().zip(reports(&calm, paths).await) {
        assert_eq!(*with, without, "with deaths and without");
    }
    println!("{} deaths in {took:?}:\n{first}\n{before:?}", deaths());
    (undisturbed, figures)
}

/// Reduces a folder to the first `orders` orders with their lines, customers and contacts. All
/// other files stay. Returns the numbers of customers and orders.
fn shorten(folder: &Path, orders: usize) -> usize {
    let keep = |file: &str, wanted: &dyn Fn(usize, &[&str]) -> bool| -> Vec<String> {
        let path = folder.join(file).with_extension("csv");
        let text = fs::read_to_string(&path).unwrap();
        let (head, rows) = text.split_once('\n').unwrap();
        let fields = |row: &str| row.splitn(4, ',').map(str::to_owned).collect::<Vec<_>>();
        let rows = rows.lines().enumerate().filter(|(place, row)| {
            let fields = fields(row);
            wanted(*place, &fields.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let rows: Vec<String> = rows.map(|it| it.1.to_owned()).collect();
        fs::write(path, format!("{head}\n{}\n", rows.join("\n"))).unwrap();
        rows
    };
    let column = |rows: &[String], at: usize| -> HashSet<String> {
        rows.iter().map(|row| row.split(',').nth(at).unwrap().to_owned()).collect()
    };
    let kept = keep("orders", &|place, _| place < orders);
    let (ids, customers) = (column(&kept, 0), column(&kept, 2));
    keep("order_lines", &|_, fields| ids.contains(fields[0]));
    keep("contacts", &|_, fields| customers.contains(fields[1]));
    kept.len() + keep("customers", &|_, fields| customers.contains(fields[0])).len()
}

/// Tests with the first `orders` orders of a real company.
async fn a_real_company(orders: usize, batch: &str) {
    let data = Path::new("../shared/data/adventureworks");
    let folder = Process::new().folder.join("adventureworks");
    let convert = Command::new("python3")
        .arg("examples/adventureworks/convert.py")
        .args([data, &folder])
        .stdout(Stdio::null())
        .status();
    if !data.is_dir() || convert.is_err() {
        eprintln!("SKIPPED: no deaths during AdventureWorks ({}, python3)", data.display());
        return;
    }
    assert!(convert.unwrap().success());
    let rows = shorten(&folder, orders);
    let dollars = async |process: &Process| {
        let caller = process.admin().await;
        let tag = caller.get("/company").await.unwrap();
        let dollars = json!({ "currency": "USD" });
        let answer = caller.patch("/company", tag.header("etag").unwrap(), &dollars).await;
        assert_eq!(answer.unwrap().status, 200);
    };
    let paths = REPORTS.map(|path| path.replace("2026", "2011").replace("2027", "2015"));
    let paths = paths.each_ref().map(String::as_str);
    let (_, figures) = compare(&folder, batch, rows, &paths, dollars).await;
    assert!(figures[0].contains("Tsvi Reiter"), "{}", figures[0]);
}

#[actix_web::test]
async fn a_part_of_a_real_company_survives_deaths() {
    let (orders, batch) = or_in_torture((300, "25"), (1000, "50"));
    a_real_company(orders, batch).await;
}

#[actix_web::test]
#[ignore = "takes minutes: make torture"]
async fn a_real_company_survives_deaths() {
    a_real_company(usize::MAX, "500").await;
}

#[actix_web::test]
async fn an_import_survives_deaths_and_is_repeated_at_will() {
    for round in 0..often(1) {
        let folder = Process::new().folder.join(format!("files-{round}"));
        write_files(&folder);
        let (customer_count, order_count) = sizes();
        let all = customer_count + order_count;
        let (counts, figures) = compare(&folder, "10", all, &REPORTS, async |_| {}).await;
        assert_eq!(counts[0], all + 2 * PEOPLE + 3);
        // Computed independently: 6 × its number for each order.
        let sum = (0..order_count).map(|number| 6 * number).sum::<usize>().to_string();
        assert!(figures[0].contains(&sum), "{}", figures[0]);
        assert!(figures[2].contains("Person 3"), "{}", figures[2]);
    }
}
