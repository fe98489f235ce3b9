//! The question that a report answers, and the conditions that follow from it.

use auth::Caller;
use platform::{Date, NoFilter, Timestamp};

use crate::filter;
use crate::period::Range;
use crate::sql::Binds;

/// A question that has been understood: the references looked up, the period in days.
#[derive(Debug)]
pub struct Question<'a, Q = NoFilter> {
    pub caller: &'a Caller,
    pub own: Q,
    pub range: Range,
    /// The day to look from
    pub as_of: Date,
    pub today: Date,
    /// The day to look from if it was told: then nothing after it counts
    pub until: Option<Date>,
    pub now: Timestamp,
    /// Where the company is, for the day of an instant
    pub zone: String,
    pub binds: Binds,
    /// What narrows the report to what is asked for
    pub narrowed: String,
    /// Placeholder of the source system asked for
    pub source: Option<String>,
    pub csv: bool,
}

impl<Q> Question<'_, Q> {
    /// The condition that a row of this table came from the source system asked for: it begins with
    /// ` and `, and is empty when any will do.
    pub fn from_source(&self, table: &str) -> String {
        let source = self.source.as_ref();
        source.map_or_else(String::new, |source| format!(" and {table}.source_system = {source}"))
    }

    /// The same for entries of the sales ledger, by their order.
    pub fn from_source_of_order(&self) -> String {
        if self.source.is_none() {
            return String::new();
        }
        let orders = self.from_source("orders");
        format!(" and order_id in (select orders.id from orders where true{orders})")
    }

    /// The condition on `sales_entries` for what counts within the range.
    pub fn entries(&mut self) -> String {
        self.entries_in(self.range)
    }

    /// The same for another range, to compare with.
    pub fn entries_in(&mut self, range: Range) -> String {
        let visible = filter::visible(self.caller, &mut self.binds);
        let dated = filter::dated("booked_on", range, self.until, &mut self.binds);
        [dated, visible, self.from_source_of_order(), self.narrowed.clone()].concat()
    }

    /// The condition on `visits` for those of a day within the range that the caller may see; what
    /// they are narrowed to stands beside it. A visit counts on the day of its owner's check-in.
    pub fn visits(&mut self) -> String {
        let visible = filter::visible_visits(self.caller, &mut self.binds);
        // Rows from before the import refused them: nothing has happened on a day to come.
        let today = self.binds.date(self.today);
        let real =
            format!(" and (status in ('planned', 'in_progress') or planned_date <= {today})");
        filter::dated("planned_date", self.range, self.until, &mut self.binds) + &real + &visible
    }

    /// The condition on `customers` for those asked for who can be visited and whom the caller may
    /// see.
    pub fn customers(&mut self) -> String {
        let visible = filter::visible_customers(self.caller, &mut self.binds);
        let open = "merged_into_id is null and status not in ('lost', 'blacklisted')";
        [open, &visible, &self.from_source("customers"), &self.narrowed].concat()
    }

    /// The condition on what is dated by `day` and has the columns of a customer that the filter
    /// knows: within the range, of customers that the caller may see.
    pub fn asked_customers(&mut self, day: &str) -> String {
        let visible = filter::visible_customers(self.caller, &mut self.binds);
        let dated = filter::dated(day, self.range, self.until, &mut self.binds);
        [dated, visible, self.narrowed.clone()].concat()
    }

    /// Nothing but the caller's rights and the day limits what the report counts.
    pub fn is_unlimited(&self) -> bool {
        self.narrowed.is_empty() && self.source.is_none()
    }

    /// The answer will be a table, where nothing can be nested.
    pub fn is_for_table(&self) -> bool {
        self.csv
    }
}
