//! Reasons why a row was refused, by the service or before it was sent.

use crate::cell::is_total;
use crate::folder::Source;
use crate::outcome::{Fault, Problem};
use crate::table::Table;
use crate::words::Words;

/// Faults of a row and of the rows of its list, such as the lines of an order.
#[derive(Debug, Default)]
pub struct Refusal {
    pub own: Vec<Words>,
    /// Faults by position in the list
    pub nested: Vec<(usize, Words)>,
}

impl Refusal {
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.nested.is_empty()
    }

    /// Converts the service's problem. Fields are named by the headings of the file.
    pub fn of(problem: &Problem, source: &Source) -> Self {
        let mut refusal = Self::default();
        for fault in &problem.errors {
            let message = if fault.message.is_empty() { &fault.code } else { &fault.message };
            let (place, table) = match (nested_place(fault, source), &source.nested) {
                (Some(place), Some(nested)) => (Some(place), &nested.table),
                _ => (None, &source.table),
            };
            let parts = fault.pointer.trim_start_matches('/').split('/');
            let parts: Vec<_> = parts.skip(if place.is_some() { 2 } else { 0 }).collect();
            let field = parts.first().copied().unwrap_or_default();
            let below = parts.iter().skip(1).copied();
            let name =
                [table.heading(field)].into_iter().chain(below).collect::<Vec<_>>().join("/");
            let words = Words::same(message);
            let words = if field.is_empty() { words } else { words.below(&name, &name) };
            match place {
                Some(place) => refusal.nested.push((place, words)),
                None => refusal.own.push(words),
            }
        }

        if refusal.is_empty() {
            refusal.own.push(Words::same(problem.reason(|_, _| None)));
        }
        refusal
    }
}

/// The position in the nested list that a fault is about.
pub fn nested_place(fault: &Fault, source: &Source) -> Option<usize> {
    let nested = source.nested.as_ref()?;
    let (list, rest) = fault.pointer.strip_prefix('/')?.split_once('/')?;
    (list == nested.nested.field).then(|| rest.split('/').next()?.parse().ok()).flatten()
}

/// Checks for rows that are not data: totals, repeated headings and rows that are too long.
pub fn not_data(table: &Table, at: usize, key: usize) -> Option<Words> {
    let (row, width) = (table.row(at), table.columns.len());
    let id = row.get(key).unwrap_or_default();
    if (id.is_empty() || is_total(id)) && row.iter().any(is_total) {
        return Some(Words::new("a row of totals is not data: delete it", "合计行不是数据,请删除"));
    }
    if row.iter().take(width).eq(&table.headings) {
        return Some(Words::new("repeats the headings: delete the row", "重复了标题行,请删除该行"));
    }
    (row.len() > width).then(|| {
        let cells = row.len();
        Words::new(
            format!("has {cells} cells, the headings are {width}: a cell with a comma needs quotes around it"),
            format!("有 {cells} 个单元格,而标题只有 {width} 个:含逗号的内容须加引号"),
        )
    })
}
