//! XLSX files for tests, cell by cell as Excel writes them.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A workbook under construction.
#[derive(Default)]
pub struct Book {
    sheets: Vec<Sheet>,
    since_1904: bool,
}

struct Sheet {
    name: String,
    state: &'static str,
    rows: String,
    merged: String,
}

/// A cell of inline text.
pub fn text(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
}

pub fn number(value: &str) -> String {
    format!("<c><v>{value}</v></c>")
}

/// A number in one of the formats: 1 a date, 2 a percentage, 3 five digits with zeros.
pub fn formatted(style: u8, value: &str) -> String {
    format!("<c s=\"{style}\"><v>{value}</v></c>")
}

pub fn boolean(value: bool) -> String {
    format!("<c t=\"b\"><v>{}</v></c>", u8::from(value))
}

pub fn error(value: &str) -> String {
    format!("<c t=\"e\"><v>{value}</v></c>")
}

/// A formula with its stored result, if any.
pub fn formula(stored: Option<&str>) -> String {
    let value = stored.map(|value| format!("<v>{value}</v>")).unwrap_or_default();
    format!("<c><f>1+1</f>{value}</c>")
}

pub fn empty() -> String {
    "<c/>".to_owned()
}

impl Book {
    pub fn sheet(self, name: &str, rows: &[Vec<String>]) -> Self {
        self.add(name, "visible", rows, &[])
    }

    pub fn hidden(self, name: &str, rows: &[Vec<String>]) -> Self {
        self.add(name, "hidden", rows, &[])
    }

    /// A sheet with merged cells, such as `A1:C1`.
    pub fn merged(self, name: &str, rows: &[Vec<String>], merged: &[&str]) -> Self {
        self.add(name, "visible", rows, merged)
    }

    /// Counts days from 1904, as old Macs do.
    pub fn since_1904(self) -> Self {
        Self { since_1904: true, ..self }
    }

    fn add(
        mut self,
        name: &str,
        state: &'static str,
        rows: &[Vec<String>],
        merged: &[&str],
    ) -> Self {
        let row = |(at, cells): (usize, &Vec<String>)| {
            format!("<row r=\"{}\">{}</row>", at + 1, cells.concat())
        };
        let rows = rows.iter().enumerate().map(row).collect();
        let merge = |region: &&str| format!("<mergeCell ref=\"{region}\"/>");
        let merged = merged.iter().map(merge).collect::<Vec<_>>().concat();
        let merged = match &*merged {
            "" => merged,
            cells => format!("<mergeCells>{cells}</mergeCells>"),
        };
        self.sheets.push(Sheet { name: name.to_owned(), state, rows, merged });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
        const RELATIONS: &str =
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        const PACKAGE: &str =
            "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"";
        let each = |entry: &dyn Fn(usize, &Sheet) -> String| -> String {
            self.sheets.iter().enumerate().map(|(at, sheet)| entry(at + 1, sheet)).collect()
        };
        let listed = each(&|id, sheet| {
            let (name, state) = (&sheet.name, sheet.state);
            format!("<sheet name=\"{name}\" sheetId=\"{id}\" state=\"{state}\" r:id=\"r{id}\"/>")
        });
        let related = each(&|id, _| {
            let kind = format!("{RELATIONS}/worksheet");
            format!("<Relationship Id=\"r{id}\" Type=\"{kind}\" Target=\"worksheets/s{id}.xml\"/>")
        });
        let epoch = if self.since_1904 { "<workbookPr date1904=\"1\"/>" } else { "" };
        let formats =
            "<numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"00000\"/></numFmts>";
        let styles =
            [0, 14, 10, 164].map(|id| format!("<xf numFmtId=\"{id}\" xfId=\"0\"/>")).concat();

        let mut parts = vec![
            (
                "[Content_Types].xml".to_owned(),
                "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>"
                    .to_owned(),
            ),
            (
                "_rels/.rels".to_owned(),
                format!(
                    "<Relationships {PACKAGE}><Relationship Id=\"r1\" Type=\"{RELATIONS}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/workbook.xml".to_owned(),
                format!(
                    "<workbook {MAIN} xmlns:r=\"{RELATIONS}\">{epoch}<sheets>{listed}</sheets></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels".to_owned(),
                format!(
                    "<Relationships {PACKAGE}>{related}<Relationship Id=\"r0\" Type=\"{RELATIONS}/styles\" \
                 Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/styles.xml".to_owned(),
                format!(
                    "<styleSheet {MAIN}>{formats}<cellXfs count=\"4\">{styles}</cellXfs></styleSheet>"
                ),
            ),
        ];
        for (at, sheet) in self.sheets.iter().enumerate() {
            let (rows, merged) = (&sheet.rows, &sheet.merged);
            let xml =
                format!("<worksheet {MAIN}><sheetData>{rows}</sheetData>{merged}</worksheet>");
            parts.push((format!("xl/worksheets/s{}.xml", at + 1), xml));
        }

        let mut zip = ZipWriter::new(Cursor::new(vec![]));
        let stored =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, xml) in parts {
            zip.start_file(name, stored).unwrap();
            zip.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap();
            zip.write_all(xml.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}
