//! Format of a report: JSON, or CSV for a table.

use actix_web::http::StatusCode;
use platform::page::prefers_csv;
use platform::{Date, Error, Fault, Result, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Json,
    Csv,
    /// Not available yet
    Xlsx,
    /// Not available yet
    Svg,
    /// Not available yet
    Html,
}

/// Format parameters common to all reports.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FormQuery {
    /// 基准日: business date of the report. Default: today. Bookings after an explicit `as_of` do
    /// not count.
    pub as_of: Option<Date>,
    /// Point in time whose knowledge the report uses; not available yet
    known_at: Option<Timestamp>,
    /// `json` or `csv`. Default: as the `Accept` header says
    #[param(inline)]
    format: Option<Format>,
    /// Start a CSV with a byte order mark, which some spreadsheets need. Default: `false`. Requires
    /// CSV.
    pub bom: Option<bool>,
}

/// Source system of the rows that a report counts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SourceQuery {
    /// 来源系统: only rows from this source system. It applies to orders, visits, complaints,
    /// invoices and payments. In reports on customers, their credit and their survey answers it
    /// applies to the customers, in the attainment to the targets.
    #[param(min_length = 1, max_length = 40, example = "sap")]
    pub source_system: Option<String>,
}

impl FormQuery {
    /// Returns whether CSV is wanted. Fails with 400 for a format that is not available yet, and
    /// with 406 if the `Accept` header allows none of the formats.
    pub fn wants_csv(&self, accept: Option<&str>) -> Result<bool> {
        let later = |name: &str| {
            let fault = Fault::new(name, "not_available", "not available yet");
            Error::bad_request("not_available", "This option is not available yet.")
                .faults(vec![fault])
        };

        if self.known_at.is_some() {
            return Err(later("/known_at"));
        }

        let csv = match self.format {
            Some(Format::Json) => false,
            Some(Format::Csv) => true,
            Some(_) => return Err(later("/format")),
            None => accepts_csv(accept)?,
        };

        if self.bom == Some(true) && !csv {
            let fault = Fault::new("/bom", "contradiction", "only allowed with CSV");
            return Err(Error::bad_request("invalid_query", "").faults(vec![fault]));
        }

        Ok(csv)
    }
}

fn accepts_csv(accept: Option<&str>) -> Result<bool> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(false) };
    prefers_csv(accept).ok_or_else(|| {
        let detail = "Reports are available as `application/json` or `text/csv`.";
        Error::new(StatusCode::NOT_ACCEPTABLE, "not_available").detail(detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_accepts() {
        let wants = |accept: &str| accepts_csv(Some(accept)).map_err(|e| e.problem().status);
        assert_eq!(accepts_csv(None).ok(), Some(false));
        assert_eq!(wants(""), Ok(false));
        assert_eq!(wants("text/csv"), Ok(true));
        assert_eq!(wants("Text/CSV; charset=utf-8"), Ok(true));
        assert_eq!(wants("text/csv;q=0, application/json"), Ok(false));
        assert_eq!(wants("text/html,application/xhtml+xml,*/*;q=0.8"), Ok(false));
        assert_eq!(wants("application/vnd.ms-excel"), Err(406));
        assert_eq!(wants("image/svg+xml, text/html"), Err(406));
    }
}
