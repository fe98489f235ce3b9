//! Tests with workbooks as they occur in offices.

use super::folder::{folder, items};
use super::workbooks::{Book, boolean, empty, error, formatted, formula, number, text};
use crate::folder::{Source, open};

/// Headings of contacts as they occur in offices.
fn headings() -> Vec<String> {
    ["联系人编号", "客户编号", "姓名", "手机", "是否主要联系人"].map(text).to_vec()
}

fn opened(book: &Book) -> Result<(Vec<Source>, Vec<String>), String> {
    let dir = folder(&[]);
    std::fs::write(dir.path().join("book.xlsx"), book.bytes()).unwrap();
    open(dir.path()).map_err(|error| error.to_string())
}

fn read(book: &Book) -> Vec<String> {
    items(&opened(book).unwrap().0[0])
}

fn fault(book: &Book) -> String {
    opened(book).err().unwrap()
}

#[test]
fn cells_are_read_as_what_the_sheet_shows() {
    let rows = [
        headings(),
        vec![number("1001"), text("C1"), text("李 & <四>"), number("13812345678"), boolean(true)],
        vec![formatted(3, "12"), text("C1"), formula(Some("7")), empty(), text("否")],
        vec![],
        vec![text("3"), text("C1"), text("王五")],
    ];

    assert_eq!(
        read(&Book::default().sheet("联系人", &rows)),
        [
            r#"{"external_id":"1001","customer_external_id":"C1","name":"李 & <四>","phone":"13812345678","is_primary":true}"#,
            r#"{"external_id":"00012","customer_external_id":"C1","name":"7","is_primary":false}"#,
            r#"{"external_id":"3","customer_external_id":"C1","name":"王五"}"#,
        ]
    );
}

#[test]
fn dates_and_percentages_are_typed_in_both_date_systems() {
    let products = |book: Book| {
        let headings = ["产品编号", "产品编码", "产品名称", "税率", "标准售价"].map(text).to_vec();
        let row = [text("P1"), text("P1"), text("轴承"), formatted(2, "0.13"), number("1200.10")];
        read(&book.sheet("产品", &[headings, row.to_vec()])).remove(0)
    };
    let rates = |book: Book, serial: &str| {
        let headings = ["编号", "原币种", "目标币种", "汇率日期", "汇率"].map(text).to_vec();
        let row = [text("r"), text("USD"), text("CNY"), formatted(1, serial), number("7.1")];
        read(&book.sheet("汇率", &[headings, row.to_vec()])).remove(0)
    };

    assert!(products(Book::default()).ends_with(r#""tax_rate":"13","list_price":"1200.1"}"#));
    assert!(rates(Book::default(), "46082").contains(r#""valid_on":"2026-03-01""#));
    assert!(rates(Book::default().since_1904(), "44620").contains(r#""valid_on":"2026-03-01""#));
    assert!(rates(Book::default(), "46082.5").starts_with("refused: 汇率日期: has a time"));
    assert!(rates(Book::default(), "0.5").starts_with("refused: 汇率日期: is not a date"));
}

#[test]
fn what_the_spreadsheet_damaged_is_refused() {
    let row = |cells: [String; 4]| [vec![text("1"), text("C1")], cells[1..].to_vec()].concat();
    for (phone, reason) in [
        (number("2112345678"), "手机: has become a number"),
        (number("8.6138123456781E+15"), "手机: has become a number"),
        (error("#REF!"), "手机: #REF! is an error"),
        (text("1.23E+12"), "手机: 1.23E+12 was shortened"),
        (text("########"), "手机: only # signs"),
        (formatted(1, "46082"), "手机: has become a date"),
        (formula(None), "手机: is a formula without a stored value"),
    ] {
        let cells = row([empty(), text("李"), phone, boolean(true)]);
        let refused = read(&Book::default().sheet("联系人", &[headings(), cells])).remove(0);

        assert!(refused.starts_with(&format!("refused: {reason}")), "{refused}");
    }
}

#[test]
fn merged_cells_are_refused_and_a_title_is_passed_over() {
    let rows = [
        vec![text("2026年客户联系人一览表")],
        headings(),
        vec![text("1"), text("C1"), text("李")],
        vec![text("2"), empty(), text("王")],
        vec![],
        vec![text("合计"), empty(), number("2")],
    ];
    let book = Book::default().merged("联系人", &rows, &["A1:E1", "B3:B4", "A5:E5"]);
    let (sources, warnings) = opened(&book).unwrap();

    assert_eq!(
        items(&sources[0]),
        [
            r#"{"external_id":"1","customer_external_id":"C1","name":"李"}"#,
            "refused: 客户编号: is part of merged cells: split them and fill each one in",
            "refused: a row of totals is not data: delete it",
        ]
    );
    assert_eq!(sources[0].table.line(1).of(crate::words::Language::Chinese), "第 4 行");
    let warning = "book.xlsx, sheet 联系人: the headings are in row 2, what is above is left out";
    assert_eq!(warnings, [warning]);
}

#[test]
fn a_sheet_that_could_be_meant_is_never_passed_over_in_silence() {
    let rows = [headings(), vec![text("1"), text("C1"), text("李")]];
    let book = || Book::default().sheet("联系人", &rows);

    assert!(fault(&book().hidden("客户", &rows)).contains("sheet 客户 is hidden"));
    assert!(
        fault(&book().sheet("contacts", &rows)).starts_with("contacts is there more than once")
    );
    assert!(
        fault(&Book::default().sheet("Sheet1", &rows)).contains("no file of the exchange format")
    );
    let (sources, warnings) = opened(&book().sheet("说明", &[]).hidden("draft", &[])).unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(warnings, ["book.xlsx: sheet 说明 is not part of the format, left alone"]);

    let dir = folder(&[("customers.xls", "")]);
    let only = Book::default().sheet("Sheet1", &rows);
    std::fs::write(dir.path().join("contacts.xlsx"), only.bytes()).unwrap();
    std::fs::write(dir.path().join("~$contacts.xlsx"), "in use").unwrap();
    std::fs::write(dir.path().join("teams.xlsx"), b"PK\x03\x04 cut off").unwrap();
    let error = open(dir.path()).err().unwrap().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert_eq!(lines[0], "customers.xls: save it as .xlsx or as CSV");
    assert!(lines[1].starts_with("teams.xlsx: "), "{error}");
}
