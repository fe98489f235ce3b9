//! An import while the service and its database die.

use std::fmt::Write;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::process::{Process, count, signal, texts};

const CUSTOMERS: usize = 200;
const ORDERS: usize = 500;

/// How soon a debug build is back.
const BACK: Duration = Duration::from_secs(10);

/// For a whole run, with all that goes wrong meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

fn write_files(process: &Process) {
    let folder = process.folder.join("files");
    fs::create_dir_all(&folder).unwrap();
    let mut customers = "external_id,name\n".to_owned();
    for number in 0..CUSTOMERS {
        writeln!(customers, "c{number},Customer {number}").unwrap();
    }
    let mut orders = "external_id,customer_external_id,order_date\n".to_owned();
    let mut lines = "order_external_id,line_number,quantity,unit_price,amount\n".to_owned();
    for number in 0..ORDERS {
        writeln!(orders, "o{number},c{},2026-03-{:02}", number % CUSTOMERS, number % 28 + 1)
            .unwrap();
        for line in 1..=3 {
            writeln!(lines, "o{number},{line},2,{number},{}", 2 * number).unwrap();
        }
    }
    for (name, text) in [("customers", customers), ("orders", orders), ("order_lines", lines)] {
        fs::write(folder.join(name).with_extension("csv"), text).unwrap();
    }
}

fn import(process: &Process) -> Child {
    let mut command = process.command("import");
    command.arg(process.folder.join("files"));
    command.args(["--quiet", "--source-system", "sap", "--batch-size", "10", "--parallel", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a run says at its end.
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

#[actix_web::test]
async fn an_import_survives_deaths_and_is_repeated_at_will() {
    let mut process = Process::private().await;
    write_files(&process);
    let mut run = import(&process);
    for (round, rows) in [60, 200, 340, 480].into_iter().enumerate() {
        let start = Instant::now();
        let table = "(select id from customers union all select id from orders) as it";
        while count(&process.database(), table).await < rows {
            assert!(start.elapsed() < PATIENCE, "it stopped before {rows}");
            sleep(Duration::from_millis(10)).await;
        }
        assert!(run.try_wait().unwrap().is_none(), "the import was over before round {round}");
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
    let first = end(run).await;
    let changes = "changes where type in ('customer', 'order')";
    let before = (rows(&process).await, count(&process.database(), changes).await);
    let second = end(import(&process)).await;
    assert_eq!((rows(&process).await, count(&process.database(), changes).await), before);
    println!("{first}\n{second}");
    let total = second.lines().find(|it| it.starts_with("total")).unwrap();
    // Created, updated, unchanged, failed
    let all = (CUSTOMERS + ORDERS).to_string();
    assert_eq!(total.split_whitespace().skip(1).take(4).collect::<Vec<_>>(), ["0", "0", &all, "0"]);
    assert_eq!(before.1, CUSTOMERS + ORDERS, "a row was written twice");
    let sums = "select sum(amount)::numeric(20, 2) from sales_entries union all
        select sum(amount)::numeric(20, 2) from orders";
    let sum = format!("{}.00", (0..ORDERS).map(|number| 6 * number).sum::<usize>());
    assert_eq!(texts(&process.database(), sums).await, [sum.clone(), sum]);
}

/// Everything is there once.
async fn rows(process: &Process) -> [usize; 4] {
    let url = process.database();
    let mut counts = [0; 4];
    let tables = ["customers", "orders", "order_lines", "sales_entries"];
    for (count_of, table) in counts.iter_mut().zip(tables) {
        *count_of = count(&url, table).await;
    }
    assert_eq!(counts, [CUSTOMERS, ORDERS, 3 * ORDERS, 3 * ORDERS]);
    counts
}
