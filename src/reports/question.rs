//! The question that a report answers, and the conditions that follow from it.

use ::customers::customer::Customer;
use access::Caller;
use platform::{Date, NoFilter, Timestamp};
use visits::visit::Visit;

use crate::filter;
use crate::period::Range;
use crate::sql::Binds;

/// A resolved question: the references looked up, the period converted to days.
#[derive(Debug)]
pub struct Question<'a, Q = NoFilter> {
    pub caller: &'a Caller,
    pub own: Q,
    pub range: Range,
    /// Business date of the report
    pub as_of: Date,
    pub today: Date,
    /// The business date if the reader sent it: then nothing after it counts
    pub until: Option<Date>,
    pub now: Timestamp,
    /// Time zone of the company, for the day of an instant
    pub zone: String,
    pub binds: Binds,
    /// Conditions of the reader's filter
    pub narrowed: String,
    /// Placeholder of the requested source system
    pub source: Option<String>,
    pub csv: bool,
}

impl<Q> Question<'_, Q> {
    /// Returns the condition that a row of this table came from the requested source system. It
    /// begins with ` and `, and is empty if none was requested.
    pub fn from_source(&self, table: &str) -> String {
        let source = self.source.as_ref();
        source.map_or_else(String::new, |source| format!(" and {table}.source_system = {source}"))
    }

    /// Returns the same condition for entries of the sales ledger, by their order.
    pub fn from_source_of_order(&self) -> String {
        if self.source.is_none() {
            return String::new();
        }
        let orders = self.from_source("orders");
        format!(" and order_id in (select orders.id from orders where true{orders})")
    }

    /// Returns the condition on `sales_entries` for the entries that count within the range.
    pub fn entries(&mut self) -> String {
        self.entries_in(self.range)
    }

    /// Returns the same condition for another range, such as one to compare with.
    pub fn entries_in(&mut self, range: Range) -> String {
        let visible = filter::visible(self.caller, &mut self.binds);
        let dated = filter::dated("booked_on", range, self.until, &mut self.binds);
        [dated, visible, self.from_source_of_order(), self.narrowed.clone()].concat()
    }

    /// Returns the condition on `visits` for those of a day within the range that the caller may
    /// see. It does not include the filter. A visit counts on the day of its owner's check-in.
    pub fn visits(&mut self) -> String {
        let visible = filter::sees::<Visit>(self.caller, &mut self.binds);
        // An earlier version of the import accepted visits that had happened on a future day.
        let today = self.binds.date(self.today);
        let real =
            format!(" and (status in ('planned', 'in_progress') or planned_date <= {today})");
        filter::dated("planned_date", self.range, self.until, &mut self.binds) + &real + &visible
    }

    /// Returns the condition on `customers` for the requested ones that can be visited and that the
    /// caller may see.
    pub fn customers(&mut self) -> String {
        let visible = filter::sees::<Customer>(self.caller, &mut self.binds);
        let open = "merged_into_id is null and status not in ('lost', 'blacklisted')";
        [open, &visible, &self.from_source("customers"), &self.narrowed].concat()
    }

    /// Returns whether only the caller's rights and the day limit what the report counts.
    pub fn is_unlimited(&self) -> bool {
        self.narrowed.is_empty() && self.source.is_none()
    }

    /// Returns whether the answer is a table, where nothing can be nested.
    pub fn is_for_table(&self) -> bool {
        self.csv
    }
}
