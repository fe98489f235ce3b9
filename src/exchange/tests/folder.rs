use crate::folder::{Source, open};
use crate::item::item;
use crate::refusal::Refusal;
use crate::words::{Language, join};

/// Creates a folder with the given files.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn faults(files: &[(&str, &str)]) -> String {
    open(folder(files).path()).err().unwrap().to_string()
}

pub fn items(source: &Source) -> Vec<String> {
    let refused = |refusal: Refusal| {
        let nested = refusal
            .nested
            .into_iter()
            .map(|(place, words)| words.below(&format!("line {place}"), &format!("line {place}")));
        let words: Vec<_> = refusal.own.into_iter().chain(nested).collect();
        format!("refused: {}", join(&words, Language::English))
    };
    source.order().into_iter().map(|at| item(source, at).unwrap_or_else(refused)).collect()
}

#[test]
fn names_every_column_that_is_not_right() {
    let wrong = faults(&[
        ("teams.csv", "external_id,nam,nam\n"),
        ("exchange_rates.csv", "external_id,from,to,valid_on\n"),
    ]);
    let lines: Vec<_> = wrong.lines().collect();
    assert_eq!(lines[0], "exchange_rates.csv: missing column `rate`");
    let known = "known are external_id, code, name, parent_external_id";
    assert_eq!(lines[1], format!("teams.csv: unknown columns `nam`, `nam`; {known}"));
    assert_eq!(lines[2..], ["teams.csv: missing column `name`"]);
    assert_eq!(faults(&[("teams.csv", "")]), "teams.csv: there are no headings");
}

#[test]
fn fails_before_anything_is_sent() {
    let orphaned = faults(&[(
        "order_lines.csv",
        "order_external_id,line_number,quantity,unit_price,amount\n",
    )]);
    assert_eq!(orphaned, "order_lines.csv: its lines need orders.csv");
    assert!(faults(&[("notes.csv", "a\n")]).contains("no file of the exchange format"));
    let dir = folder(&[]);
    std::fs::write(dir.path().join("teams.csv"), b"external_id,name\n1,East\n2,\xff\n").unwrap();
    let error = open(dir.path()).err().unwrap().to_string();
    assert!(error.starts_with("teams.csv, line 3, column 3 is neither UTF-8"), "{error}");
}

#[test]
fn warns_of_files_that_it_does_not_know() {
    let dir = folder(&[
        ("teams.csv", "external_id,name\n"),
        ("teams.rejected.csv", ""),
        ("README.md", ""),
        ("sales.csv", ""),
    ]);
    let (sources, warnings) = open(dir.path()).unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(warnings, ["sales.csv: not part of the format, left alone"]);
}

#[test]
fn cells_become_what_their_column_is() {
    let dir = folder(&[
        (
            "users.csv",
            "\u{feff}name,external_id,roles,leads_team,phone\r\n\
             \"Wang \"\"A\"\" Li\", 7 ,salesperson; finance,true,\\N\r\n\
             ,,,,\r\n\r\n\
             李,8,\\N,,\r\n\
             x,9,,maybe,\r\n\
             y,,,,\r\n\
             z,10\r\n",
        ),
        ("customers.csv", "external_id,name,latitude,tier\n1,a\\b,31.20,A\n2,c,north,\n"),
    ]);
    let (sources, _) = open(dir.path()).unwrap();
    assert_eq!(sources[0].table.len(), 5);
    assert_eq!(
        items(&sources[0]),
        [
            r#"{"name":"Wang \"A\" Li","external_id":"7","roles":["salesperson","finance"],"leads_team":true,"phone":null}"#,
            r#"{"name":"李","external_id":"8","roles":null}"#,
            "refused: leads_team: is neither true nor false, 是 nor 否",
            "refused: external_id: is empty",
            "refused: roles: is missing: the row is shorter than the headings; leads_team: is missing: \
             the row is shorter than the headings; phone: is missing: the row is shorter than the \
             headings",
        ]
    );
    assert_eq!(
        items(&sources[1]),
        [
            r#"{"external_id":"1","name":"a\\b","latitude":31.2,"tier":"A"}"#,
            "refused: latitude: is not a number, such as 1234.50: digits with a point, without currency \
             or unit",
        ]
    );
}

#[test]
fn scattered_lines_find_their_order() {
    let dir = folder(&[
        (
            "orders.csv",
            "external_id,customer_external_id,order_date\nB,1,2026-01-02\nA,1,2026-01-01\nC,1,2026-01-03\nD,1,2026-01-03\n",
        ),
        (
            "order_lines.csv",
            "order_external_id,line_number,quantity,unit_price,amount,description\n\
             A,1,2,1.50,3.00,\nB,1,1,9.99,9.99,\nX,1,1,1,1,\nA,2,-1,1,-1,back\nD,7,1,1,1,\nD,x,1,1,1,\n",
        ),
    ]);
    let (sources, _) = open(dir.path()).unwrap();
    let source = &sources[0];
    assert_eq!(
        items(source),
        [
            r#"{"external_id":"B","customer_external_id":"1","order_date":"2026-01-02","lines":[{"line_number":1,"quantity":"1","unit_price":"9.99","amount":"9.99"}]}"#,
            r#"{"external_id":"A","customer_external_id":"1","order_date":"2026-01-01","lines":[{"line_number":1,"quantity":"2","unit_price":"1.50","amount":"3.00"},{"line_number":2,"quantity":"-1","unit_price":"1","amount":"-1","description":"back"}]}"#,
            r#"{"external_id":"C","customer_external_id":"1","order_date":"2026-01-03"}"#,
            "refused: line 1: line_number: is not a number, such as 1234.50: digits with a point, \
             without currency or unit",
        ]
    );
    let nested = source.nested.as_ref().unwrap();
    let orphans = nested.orphans();
    assert_eq!(orphans.len(), 1);
    assert_eq!(&nested.table.row(orphans[0])[0], "X");
}

#[test]
fn upper_rows_of_a_tree_come_first() {
    let dir = folder(&[(
        "teams.csv",
        "external_id,name,parent_external_id\nc,C,b\nb,B,a\na,A,elsewhere\nx,X,y\ny,Y,x\nd,D,\n",
    )]);
    let (sources, _) = open(dir.path()).unwrap();
    let order = sources[0].order().into_iter();
    let order: Vec<_> = order.map(|at| sources[0].table.row(at)[0].to_owned()).collect();
    assert_eq!(order, ["a", "d", "b", "c", "x", "y"]);
}
