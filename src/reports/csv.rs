//! Reports as CSV (RFC 4180): streamed, in UTF-8, and safe to open in a spreadsheet.

use std::fmt;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use actix_web::web::Bytes;
use csv::{Terminator, Writer, WriterBuilder};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::{StreamExt, TryStreamExt, stream};
use platform::{Conn, Db, Error, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;

use crate::answer::{Line, MEMORY, Plan, as_lines, refuse};
use crate::permits::ReportPermit;

/// Number of bytes that are collected before a chunk is sent.
const CHUNK: usize = 64 << 10;

/// Number of chunks that may wait for a slow reader; the query waits with them.
const WAITING: usize = 4;

/// Maximum time for reading a whole file, and for accepting one chunk. A reader that takes one byte
/// a second would otherwise hold one of the few connections that reports have.
const READING: Duration = Duration::from_mins(10);
const TAKING: Duration = Duration::from_secs(15);

/// Runs the report and streams its rows. An error before the first chunk becomes a normal problem
/// response; a later one breaks the connection, so that half a table is not taken for the whole.
pub async fn stream(db: Db, turn: ReportPermit, plan: Plan, bom: bool) -> Result<HttpResponse> {
    let name = plan.name;
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes>>(WAITING);
    actix_web::rt::spawn(async move {
        let sent = send(&db, &plan, bom, &sender).await;
        // The error below may wait for a slow reader; the turn must not.
        drop(turn);
        if let Err(error) = sent {
            let _ = sender.send(Err(error)).await;
        }
    });

    let first = receiver.recv().await.transpose()?.unwrap_or_default();
    let rest = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });

    let disposition = format!("attachment; filename=\"{name}.csv\"");
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((VARY, "Authorization, Accept, Accept-Language"))
        .streaming(stream::iter([Ok(first)]).chain(rest)))
}

async fn send(db: &Db, plan: &Plan, bom: bool, sender: &Sender<Result<Bytes>>) -> Result<()> {
    // The connection stays in use for as long as the reader reads.
    let conn = &mut *db.conn().await?.within(READING);
    conn.batch_execute(&format!("set {MEMORY}")).await?;
    let sent = send_rows(conn, plan, bom, sender).await;
    // The setting must not leak into the pool. A broken connection is discarded there.
    conn.batch_execute("reset work_mem").await.ok();
    sent
}

async fn send_rows(
    conn: &mut Conn,
    plan: &Plan,
    bom: bool,
    sender: &Sender<Result<Bytes>>,
) -> Result<()> {
    refuse(conn, plan).await?;
    // The header is needed even without rows: this join yields one row of nulls, which the planner
    // makes without running the report.
    let all = plan.all_rows();
    let columns = format!("select it.* from (select) as one left join ({all}) as it on false");
    let columns: Line = plan.binds.query(&as_lines(&columns)).get_result(conn).await?;
    let mut table = Table::new(bom);
    table.write(cells(&columns.line)?.0.iter().map(|(name, _)| name.as_str()))?;
    let rows = plan.binds.query(&as_lines(&all));
    let mut rows = rows.load_stream::<Line>(conn).await?;
    while let Some(row) = rows.try_next().await? {
        let line = plan.shown(row.line)?;
        table.write(cells(&line)?.0.iter().map(|(_, value)| cell(value)))?;
        if table.0.get_ref().len() >= CHUNK && !taken(sender, table.take()?).await? {
            return Ok(());
        }
    }

    taken(sender, table.take()?).await.map(drop)
}

/// Sends a chunk and returns whether the reader is still there. A reader that is too slow gets an
/// error, so that half a table is not taken for the whole.
async fn taken(sender: &Sender<Result<Bytes>>, chunk: Bytes) -> Result<bool> {
    let taken = timeout(TAKING, sender.send(Ok(chunk))).await;
    Ok(taken.map_err(|_| Error::unavailable("timeout"))?.is_ok())
}

/// Bytes that have been written and not sent yet.
pub struct Table(Writer<Vec<u8>>);

impl Table {
    pub fn new(bom: bool) -> Self {
        Self::after(if bom { "\u{feff}".into() } else { vec![] })
    }

    fn after(bytes: Vec<u8>) -> Self {
        Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(bytes))
    }

    pub fn write<C: AsRef<[u8]>>(&mut self, cells: impl Iterator<Item = C>) -> Result<()> {
        self.0.write_record(cells).map_err(Error::internal)?;
        self.0.flush().map_err(Error::internal)
    }

    pub fn take(&mut self) -> Result<Bytes> {
        let full = std::mem::replace(&mut self.0, Self::after(vec![]).0);
        full.into_inner().map(Bytes::from).map_err(|error| Error::internal(error.into_error()))
    }
}

/// A JSON object whose members keep their order.
struct Cells(Vec<(String, Value)>);

fn cells(json: &str) -> Result<Cells> {
    serde_json::from_str(json).map_err(Error::internal)
}

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Cells;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
                let mut cells = vec![];
                while let Some(cell) = map.next_entry()? {
                    cells.push(cell);
                }
                Ok(Cells(cells))
            }
        }

        json.deserialize_map(InOrder)
    }
}

/// Formats a value as a cell; null becomes an empty one.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        other => other.to_string(),
    }
}

/// Puts an apostrophe before text that a spreadsheet would run as a formula (OWASP "CSV
/// injection"). A plain number stays a number.
fn harmless(text: &str) -> String {
    let starts = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];
    if text.starts_with(starts) && !is_number(text) { format!("'{text}") } else { text.to_owned() }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_look_like_formulas_are_text() {
        for start in ["=", "+", "-", "@", "\t", "\r", "\0", "＝", "＠"] {
            for rest in
                ["", "1+1", "cmd|' /C calc'!A0", "SUM(A1:A9)", "HYPERLINK(\"x\")", "-1", "é"]
            {
                let text = format!("{start}{rest}");
                if text != "--1" && is_number(&text) {
                    continue;
                }
                assert_eq!(cell(&text.clone().into()), format!("'{text}"));
            }
        }
        for plain in ["-1", "-12.50", "0", "12.5", "", "a=b", "2013-07", "1e5", "上海", " =1"] {
            assert_eq!(cell(&plain.into()), plain);
        }
        for number in ["-", "-.5", "-1.", "-1.2.3", "-1e5", "+1", "--1"] {
            assert_eq!(cell(&number.into()), format!("'{number}"));
        }
        assert_eq!(cell(&Value::Null), "");
        assert_eq!(cell(&12.into()), "12");
    }

    #[test]
    fn a_table_keeps_its_columns() {
        let mut table = Table::new(true);
        let row = cells(r#"{"z":"a,\"b\"\n","a":null,"m":-3}"#).unwrap();
        table.write(row.0.iter().map(|(name, _)| name)).unwrap();
        table.write(row.0.iter().map(|(_, value)| cell(value))).unwrap();
        let text = "\u{feff}z,a,m\r\n\"a,\"\"b\"\"\n\",,-3\r\n";
        assert_eq!(table.take().unwrap(), text);
        table.write(["更多"].iter()).unwrap();
        assert_eq!(table.take().unwrap(), "更多\r\n");
    }
}
