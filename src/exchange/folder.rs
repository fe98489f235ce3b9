//! Reads the folder with all its files before anything is sent.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::format::{Column, FILES, Layout, REJECTED};
use crate::nested::NestedRows;
use crate::table::{Notes, Table};
use crate::workbook::Workbook;

/// A file to import.
pub struct Source {
    pub layout: &'static Layout,
    pub table: Table,
    pub nested: Option<NestedRows>,
    /// Index of the column with the external id
    pub key: usize,
    /// Indexes of rows that repeat an earlier row
    pub repeated: HashSet<usize>,
    /// Indexes of rows that share their external id with a different row, and of that row
    pub conflicts: HashMap<usize, usize>,
}

/// A kind of file: its name in the format and its columns.
type Sort = (&'static str, &'static [Column]);

/// Extensions of spreadsheet formats that are not supported.
const OTHER_SHEETS: [&str; 5] = ["xls", "xlsb", "ods", "et", "numbers"];

/// Reads the files of a folder, or a single file. Returns them in import order, and a warning for
/// each file that is not imported. For a file of rejected orders, the file with their rejected
/// lines is read as well.
pub fn open(path: &Path) -> Result<(Vec<Source>, Vec<String>)> {
    let (mut notes, mut tables) = (Notes::default(), vec![]);
    for file in files(path)? {
        read(&file, &mut tables, &mut notes)?;
    }

    let mut sources = vec![];
    for layout in FILES {
        let table = take(&mut tables, layout.file, &mut notes);
        let nested = layout.nested.as_ref();
        let nested =
            nested.and_then(|nested| Some((nested, take(&mut tables, nested.file, &mut notes)?)));
        match (table, nested) {
            (None, None) => {}
            (None, Some((nested, table))) => {
                let (name, owner) = (table.name(), layout.file);
                notes.faults.push(format!("{name}: its {} need {owner}", nested.field));
            }
            (Some(table), nested) => sources.push((layout, table, nested)),
        }
    }
    if notes.faults.is_empty() && sources.is_empty() {
        let name = path.display();
        notes.faults.push(format!("{name}: there is no file of the exchange format"));
    }
    if !notes.faults.is_empty() {
        return Err(Error::Format(notes.faults));
    }

    let sources = sources.into_iter().map(|(layout, table, nested)| {
        survey(layout, table, nested.map(|(nested, table)| NestedRows::of(nested, table)))
    });
    Ok((sources.collect(), notes.warnings))
}

/// Lists the files of a folder by name, without files of rejected rows and without the temporary
/// files that spreadsheets create while a file is open.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok([path.to_owned()].into_iter().chain(rejected_lines(path)).collect());
    }
    let mut files = vec![];
    for entry in std::fs::read_dir(path).map_err(Error::file(path))? {
        let file = entry.map_err(Error::file(path))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.is_file() && !name.ends_with(REJECTED) && !name.starts_with(['.', '~']) {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The file with the rejected lines that belongs to a file of rejected orders.
fn rejected_lines(path: &Path) -> Option<PathBuf> {
    let file = path.file_name()?.to_str()?.strip_suffix(REJECTED)?;
    let layout = FILES.iter().find(|layout| layout.file.strip_suffix(".csv") == Some(file))?;
    let lines = layout.nested.as_ref()?.file.strip_suffix(".csv")?;
    Some(path.with_file_name(format!("{lines}{REJECTED}"))).filter(|path| path.is_file())
}

fn read(path: &Path, tables: &mut Vec<Table>, notes: &mut Notes) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let extension = extension.to_ascii_lowercase();
    let sort = sort(stem.strip_suffix(".rejected").unwrap_or(stem));
    let is_text = matches!(&*extension, "csv" | "tsv" | "txt");

    match (&*extension, sort) {
        (_, Some((file, columns))) if is_text => {
            tables.extend(Table::of_text(path, file, columns, notes)?);
        }
        ("xlsx" | "xlsm", sort) => read_workbook(path, sort, tables, notes),
        (other, Some(_)) if OTHER_SHEETS.contains(&other) => {
            notes.faults.push(format!("{name}: save it as .xlsx or as CSV"));
        }
        ("csv" | "tsv", None) => {
            notes.warnings.push(format!("{name}: not part of the format, left alone"));
        }
        (other, None) if OTHER_SHEETS.contains(&other) => {
            notes.warnings.push(format!("{name}: neither .xlsx nor CSV, left alone"));
        }
        _ => {}
    }
    Ok(())
}

/// Reads the sheets that are named after a file of the format. If the workbook itself has such a
/// name, its only visible sheet may have any name.
fn read_workbook(path: &Path, whole: Option<Sort>, tables: &mut Vec<Table>, notes: &mut Notes) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut workbook = match Workbook::open(path) {
        Ok(workbook) => workbook,
        Err(error) => return notes.faults.push(format!("{name}: {error}")),
    };
    let sheets = workbook.sheets();
    let is_only = sheets.iter().filter(|sheet| sheet.1).count() == 1;
    for (sheet, is_visible) in &sheets {
        let found = sort(sheet).or(whole.filter(|_| is_only && *is_visible));
        match found {
            Some(_) if !is_visible => {
                let fault = format!("{name}: sheet {sheet} is hidden, show or delete it");
                notes.faults.push(fault);
            }
            Some((file, columns)) => match workbook.read(sheet) {
                Ok(rows) => {
                    tables.extend(Table::of_sheet(path, sheet, file, columns, rows, notes));
                }
                Err(fault) => notes.faults.push(format!("{name}, sheet {sheet}: {fault}")),
            },
            None if *is_visible && whole.is_none() => {
                let warning =
                    format!("{name}: sheet {sheet} is not part of the format, left alone");
                notes.warnings.push(warning);
            }
            None => {}
        }
    }

    // With several sheets, the user has to say which one is meant.
    if let Some((file, _)) = whole
        && !is_only
        && !sheets.iter().any(|sheet| sort(&sheet.0).is_some())
    {
        let stem = file.strip_suffix(".csv").unwrap_or(file);
        notes.faults.push(format!("{name}: name the sheet that is meant `{stem}`"));
    }
}

/// Finds the file of the format by its name or its Chinese title.
fn sort(name: &str) -> Option<Sort> {
    let name = name.trim().to_lowercase();
    let is = |file: &str, title: &str| file.strip_suffix(".csv") == Some(&name) || title == name;
    FILES.iter().find_map(|layout| match &layout.nested {
        _ if is(layout.file, layout.title) => Some((layout.file, layout.columns)),
        Some(nested) if is(nested.file, nested.title) => Some((nested.file, nested.columns)),
        _ => None,
    })
}

/// Removes the table of a file of the format from the list. Several tables are a fault.
fn take(tables: &mut Vec<Table>, file: &str, notes: &mut Notes) -> Option<Table> {
    let (mut found, rest): (Vec<_>, Vec<_>) =
        std::mem::take(tables).into_iter().partition(|table| table.file == file);
    *tables = rest;
    if found.len() > 1 {
        let names = found.iter().map(Table::name).collect::<Vec<_>>().join("; ");
        let stem = file.strip_suffix(".csv").unwrap_or(file);
        notes.faults.push(format!("{stem} is there more than once, keep one: {names}"));
    }
    found.pop()
}

/// Finds the rows that share an external id.
fn survey(layout: &'static Layout, table: Table, mut nested: Option<NestedRows>) -> Source {
    let key = table.place("external_id").unwrap_or_default();
    let (mut repeated, mut conflicts) = (HashSet::new(), HashMap::new());
    let mut first = HashMap::<Box<str>, usize>::new();
    for at in 0..table.len() {
        let row = table.row(at);
        let Some(id) = row.get(key).filter(|id| !id.is_empty()) else { continue };
        if let Some(nested) = &mut nested {
            nested.claim(id);
        }
        match first.get(id) {
            None => drop(first.insert(id.into(), at)),
            Some(above) if is_equal(&table, *above, at) => drop(repeated.insert(at)),
            Some(above) => {
                conflicts.insert(at, *above);
                conflicts.entry(*above).or_insert(at);
            }
        }
    }
    Source { layout, table, nested, key, repeated, conflicts }
}

/// Compares two rows by the columns that are imported.
fn is_equal(table: &Table, one: usize, other: usize) -> bool {
    let (one, other) = (table.row(one), table.row(other));
    let cells = one.iter().zip(&other).zip(&table.columns);
    one.len() == other.len()
        && cells.into_iter().all(|((one, other), column)| column.is_none() || one == other)
}

impl Source {
    /// Checks whether rows can be parents of other rows. If so, batches are sent one at a time.
    pub fn is_tree(&self) -> bool {
        self.table.place(Layout::PARENT).is_some()
    }

    /// The indexes of the rows in import order; parents come before their children.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.table.len()).collect();
        if let Some(parent) = self.table.place(Layout::PARENT) {
            let levels = levels(&self.table, self.key, parent);
            order.sort_by_key(|at| levels[*at]);
        }
        order
    }
}

/// Counts the ancestors of each row within the file. Rows in a cycle get the highest levels and
/// come last; the service refuses them.
fn levels(table: &Table, key: usize, parent: usize) -> Vec<usize> {
    let rows = 0..table.len();
    let cell = |at: usize, column: usize| table.row(at).get(column).unwrap_or_default().to_owned();
    let parents: HashMap<String, String> =
        rows.clone().map(|at| (cell(at, key), cell(at, parent))).collect();
    let level = |at: usize| {
        let mut id = cell(at, parent);
        let mut level = 0;
        while let Some(above) = parents.get(&id)
            && level <= table.len()
        {
            level += 1;
            id.clone_from(above);
        }
        level
    };
    rows.map(level).collect()
}
