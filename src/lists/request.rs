//! The parameters of a request that affect the form of its answer.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::web::Query;
use platform::page::wants_csv;
use platform::{Error, Fault, Result};

use crate::expand::Expansion;
use crate::take_known;
use crate::view::{View, Views};

/// Fields that are always returned: the first identifies the row, and the second distinguishes
/// hidden fields from empty ones.
const KEPT: [&str; 2] = ["id", "masked_fields"];

/// The requested form of an answer.
#[derive(Debug, Default)]
pub struct ListRequest {
    expand: Vec<String>,
    fields: Vec<String>,
    pub csv: bool,
    /// No `limit` was sent, so a table must contain all rows
    pub is_whole: bool,
    counted: bool,
    /// The common filters that were sent although the rows of this list do not have their fields
    rows: Vec<&'static str>,
    /// The values of `If-None-Match`
    pub known: Vec<HeaderValue>,
}

impl ListRequest {
    /// Reads the requested form. `None` if the answer is returned as it is.
    pub fn of<'a>(req: &mut ServiceRequest, views: &'a Views) -> Option<(&'a View, Self)> {
        let csv = wants_csv(req.request());
        // A cheap test on the text of the query, because most requests need no other form.
        let named = |name: &str| req.query_string().contains(name);
        if req.method() != Method::GET
            || !csv && !["expand", "fields", "id", "updated_from"].into_iter().any(named)
        {
            return None;
        }
        let view = views.get(&req.match_pattern()?)?;

        let pairs = Query::<Vec<(String, String)>>::from_query(req.query_string()).ok()?;
        let mut asked = Self { csv: csv && view.is_list, is_whole: true, ..Self::default() };
        for (name, text) in pairs.into_inner() {
            let words = || text.split(',').map(|word| word.trim().to_owned());
            match name.as_str() {
                "expand" => asked.expand.extend(words()),
                "fields" => asked.fields.extend(words()),
                "limit" => asked.is_whole = false,
                "total" => asked.counted = true,
                "id" if !view.has("id") => asked.rows.push("id"),
                "updated_from" if !view.has("updated_at") => asked.rows.push("updated_from"),
                _ => {}
            }
        }

        let changes = asked.csv || !asked.expand.is_empty() || !asked.fields.is_empty();
        if !changes && asked.rows.is_empty() {
            return None;
        }
        asked.known = take_known(req);
        Some((view, asked))
    }

    /// Checks that the resource supports the requested form.
    pub fn check(&self, view: &View) -> Result<()> {
        let unknown = |name: &str, at: usize, known: &str| {
            let why = format!("one of {known}");
            Fault::new(format!("/{name}/{at}"), "unknown_value", why)
        };
        let expansions =
            view.expansions.iter().map(|known| known.name.as_str()).collect::<Vec<_>>();
        let (expansions, fields) = (expansions.join(", "), view.fields.join(", "));

        let mut faults = vec![];
        for (at, word) in self.expand.iter().enumerate() {
            if !view.expansions.iter().any(|expansion| expansion.name == *word) {
                faults.push(unknown("expand", at, &expansions));
            }
        }
        for (at, word) in self.fields.iter().enumerate() {
            if !view.has(word) {
                faults.push(unknown("fields", at, &fields));
            }
        }

        if view.is_list {
            let unknown =
                |name: &&str| Fault::new(format!("/{name}"), "unknown_field", "no such field");
            faults.extend(self.rows.iter().map(unknown));
        }
        if self.csv && self.counted {
            faults.push(Fault::new("/total", "contradiction", "not available with CSV"));
        }

        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::bad_request("invalid_query", "Some query parameters are invalid; see `errors`.")
            .faults(faults))
    }

    /// The expansions that were asked for.
    pub fn expansions<'a>(&self, view: &'a View) -> Vec<&'a Expansion> {
        let asked = |expansion: &&Expansion| self.expand.contains(&expansion.name);
        view.expansions.iter().filter(asked).collect()
    }

    /// Checks whether a member of an item is returned. Members added by `expand` always are.
    pub fn keeps(&self, view: &View, name: &str) -> bool {
        self.fields.is_empty()
            || KEPT.contains(&name)
            || self.fields.iter().any(|field| field == name)
            || !view.has(name)
    }
}
