//! Tests with text files as they occur in offices.

use encoding_rs::GB18030;

use super::folder::{folder, items};
use super::workbooks::{Book, text};
use crate::folder::open;

const ROWS: [[&str; 5]; 3] = [
    ["客户编号", "客户名称", "城市", "电话", "地址"],
    ["C1", "上海喆达", "上海", "021-5555", "南京路 1 号, 2 楼"],
    ["C2", "Müller; \"Söhne\"\tAG", "", "13812345678", ""],
];

/// Reads a file that is alone in its folder.
fn read(name: &str, bytes: &[u8]) -> Vec<String> {
    let dir = folder(&[]);
    std::fs::write(dir.path().join(name), bytes).unwrap();
    items(&open(dir.path()).unwrap_or_else(|error| panic!("{name}: {error}")).0[0])
}

fn fault(name: &str, bytes: &[u8]) -> String {
    let dir = folder(&[]);
    std::fs::write(dir.path().join(name), bytes).unwrap();
    open(dir.path()).err().unwrap().to_string()
}

fn delimited(delimiter: char) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |row: &[&str; 5]| {
        row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(&delimiter.to_string())
    };
    ROWS.iter().map(|row| line(row) + "\r\n").collect()
}

#[test]
fn every_encoding_and_delimiter_gives_the_same_rows() {
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let expected = [
        r#"{"external_id":"C1","name":"上海喆达","city":"上海","phone":"021-5555","address":"南京路 1 号, 2 楼"}"#,
        r#"{"external_id":"C2","name":"Müller; \"Söhne\"\tAG","phone":"13812345678"}"#,
    ];

    for delimiter in [',', ';', '\t'] {
        let text = delimited(delimiter);
        for (encoding, bytes) in [
            ("UTF-8", text.clone().into_bytes()),
            ("UTF-8 with BOM", format!("\u{feff}{text}").into_bytes()),
            ("GB18030", GB18030.encode(&text).0.into_owned()),
            ("UTF-16LE", utf16(&text, u16::to_le_bytes)),
            ("UTF-16BE", utf16(&text, u16::to_be_bytes)),
        ] {
            for name in ["customers.csv", "客户.csv", "Customers.txt", "客户.TSV"] {
                assert_eq!(read(name, &bytes), expected, "{name}, {encoding}, {delimiter:?}");
            }
        }
    }
    let rows = ROWS.map(|row| row.map(text).to_vec());
    for (name, sheet) in
        [("book.xlsx", "客户"), ("book.xlsx", "customers"), ("客户.xlsx", "Sheet1")]
    {
        assert_eq!(read(name, &Book::default().sheet(sheet, &rows).bytes()), expected);
    }
}

#[test]
fn a_file_that_does_not_parse_to_its_end_names_line_and_column() {
    let seven = (2..8).map(|id| format!("{id},客户{id}\n")).collect::<Vec<_>>().concat();
    let unclosed = format!("external_id,name\n1,\"客户\n{seven}");
    let closed_later = format!("external_id,name,city\n1,\"客户,x\n{seven}8,\"客户\",y\n");
    let two_too_many = "external_id,name,city\n1,\"客户1,上海\n2,客户2\",北京\n";

    assert_eq!(
        fault("customers.csv", unclosed.as_bytes()),
        "customers.csv, line 2, column 3: the quote that begins here is not closed"
    );
    assert!(
        fault("customers.csv", closed_later.as_bytes()).contains("line 9, column 4: text after")
    );
    assert!(
        fault("customers.csv", two_too_many.as_bytes())
            .starts_with("customers.csv, line 2: a cell holds whole rows")
    );
    assert!(fault("customers.csv", b"external_id,name\n1,a\0b\n").contains("line 2, column 4"));
}

#[test]
fn odd_rows_are_refused_by_themselves() {
    let text = "客户编号,客户名称,城市,,\n\
        1,\"上海\n一\",上海,,\n\
        2,北京\n\
        3,天津,天津,,,\n\
        4,重庆,重庆,x,\n\
        客户编号,客户名称,城市,,\n\
        ,合计,5,,\n\
        ,,,,\n";
    let dir = folder(&[("customers.csv", text)]);
    let source = open(dir.path()).unwrap().0.remove(0);

    let told = items(&source);
    assert_eq!(told[0], r#"{"external_id":"1","name":"上海\n一","city":"上海"}"#);
    assert!(told[1].starts_with("refused: 城市: is missing"), "{told:?}");
    assert_eq!(told[2], r#"{"external_id":"3","name":"天津","city":"天津"}"#);
    assert!(told[3].starts_with("refused: has 4 cells, the headings are 3"), "{told:?}");
    assert_eq!(told[4], "refused: repeats the headings: delete the row");
    assert_eq!(told[5], "refused: a row of totals is not data: delete it");
    assert_eq!(told.len(), 6);
    assert_eq!(source.table.line(1).of(crate::words::Language::English), "line 4");
}

#[test]
fn headings_that_are_there_twice_are_named() {
    let twice = "客户编号,客户名称,名称\n1,a,b\n";

    assert_eq!(fault("customers.csv", twice.as_bytes()), "customers.csv: repeated column `名称`");
    let unnamed = fault("customers.csv", "客户编号,,客户名称\n1,x,b\n".as_bytes());
    assert_eq!(unnamed, "customers.csv: unnamed but filled column 2");
    let unknown = fault("customers.csv", "客户编号,客户名称,余额\n1,a,2\n".as_bytes());
    assert!(unknown.starts_with("customers.csv: unknown column `余额`; known are"), "{unknown}");
}
