//! The SQL of sales by any grouping.

use platform::{Date, Error, Fault, Result};

use crate::answer::Question;
use crate::filter::{LEDGER, STANDS};
use crate::group::GroupBy;
use crate::period::Range;
use crate::sales::{Compare, Empty, SalesQuery};

/// The keys of a report, and what is beside them.
pub struct Grouping {
    keys: Vec<GroupBy>,
    compare: Vec<Compare>,
    empty: bool,
}

impl Grouping {
    /// Nothing without keys.
    pub fn of(query: &SalesQuery) -> Result<Option<Self>> {
        let keys = query.group_by.clone().unwrap_or_default();
        let compare = query.compare.clone().unwrap_or_default();
        let empty = query.empty == Some(Empty::Include);
        let mut faults = vec![];
        let twice = |at: usize| keys[..at].contains(&keys[at]);
        for at in (0..keys.len()).filter(|at| twice(*at)) {
            let message = "a key counts once";
            faults.push(Fault::new(format!("/group_by/{at}"), "duplicate", message));
        }
        let has = |key| keys.contains(&key);
        let crossing = has(GroupBy::Month) || has(GroupBy::Quarter) || has(GroupBy::Year);
        if has(GroupBy::Week) && crossing && !has(GroupBy::Day) && !compare.is_empty() {
            let message = "weeks cross months and years, so there is no period before";
            faults.push(Fault::new("/compare", "contradiction", message));
        }
        if !faults.is_empty() {
            return Err(Error::bad_request("invalid_query", "").faults(faults));
        }
        Ok((!keys.is_empty()).then_some(Self { keys, compare, empty }))
    }

    /// Each entry counts in its own period, and as what the next one is compared with.
    pub fn rows(&self, question: &mut Question<'_, SalesQuery>, entries: &str) -> String {
        let measure =
            if self.keys.iter().any(|key| key.is_of_line()) { "line_amount" } else { "amount" };
        let keys =
            |wanted: fn(GroupBy) -> bool| self.keys.iter().copied().filter(move |key| wanted(*key));
        let things: Vec<_> = keys(|key| !key.is_period()).collect();
        let of_entry =
            list(things.iter().map(|it| format!("{} as {it}, ", it.of_entry(), it = it.as_str())));
        let mut facts = vec![format!(
            "select {of_entry}'now' as role, booked_on as day, order_id, line_number,
                {STANDS} as stands, customer_id, quantity, {measure} as amount
            from {LEDGER} where {entries}"
        )];
        for compare in &self.compare {
            let (range, day) = self.base(*compare, question.range);
            let entries = question.entries_in(range);
            let role = compare.as_str();
            facts.push(format!(
                "select {of_entry}'{role}', {day}, null, null, null, null, null, {measure}
                from sales_entries where {entries}"
            ));
        }
        let (from, to) =
            (question.binds.date(question.range.from), question.binds.date(question.range.to));
        let names = list(things.iter().map(|it| format!("{}, ", it.as_str())));
        if self.empty {
            facts.extend(self.empty_periods(&names, &of_entry, entries, &from, &to));
        }
        let facts = facts.join(" union all ");
        let periods: Vec<_> = keys(GroupBy::is_period).collect();
        let grouped =
            list(periods.iter().map(|it| format!("{} as {}, ", it.of_entry(), it.as_str())));
        let by = self.keys.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
        let first = if self.compare.is_empty() {
            "null::date".to_owned()
        } else {
            {
                let before = question.entries_in(Range { from: Range::ALL.from, ..question.range });
                format!("(select min(booked_on) from sales_entries where {before})")
            }
        };
        let shown = list(self.keys.iter().map(|it| format!("{}, ", it.shown())));
        let joins = list(self.keys.iter().filter_map(|it| {
            let (table, name) = (it.table()?, it.as_str());
            Some(format!(" left join {table} on {table}.id = {name}"))
        }));
        let same_period = list(periods.iter().map(|it| format!("{}, ", it.as_str())));
        let nameless = things.iter().map(|it| format!("{} is null", it.as_str()));
        let nameless = nameless.chain(["false".to_owned()]).collect::<Vec<_>>().join(" or ");
        let compared = list(self.compare.iter().map(|it| self.compared(*it, &from, &to)));
        format!(
            "with facts as ({facts}),
            groups as (
                select {names}{grouped}
                    count(distinct order_id) filter (where stands) as orders,
                    count(distinct (order_id, line_number)) filter (where stands) as lines,
                    count(distinct customer_id) filter (where stands) as customers,
                    coalesce(sum(quantity), 0) as quantity,
                    coalesce(sum(amount) filter (where role = 'now'), 0) as amount,
                    sum(amount) filter (where role = 'previous_period') as previous_period,
                    sum(amount) filter (where role = 'previous_year') as previous_year,
                    min(day) as day_in
                from facts
                group by {by}
                having bool_or(role = 'empty' or stands)
                    or sum(amount) filter (where role = 'now') <> 0
            ),
            history as (select {first} as first_day)
            select {shown}orders, lines, customers,
                trim_scale(quantity)::text as quantity,
                round(amount, 4)::text as amount,
                round(100 * amount / nullif(sum(amount) over (partition by {same_period}1), 0), 2)::text
                    as share_percent,
                case when not ({nameless}) then
                    rank() over (partition by {same_period}{nameless} order by amount desc)
                end as rank{compared}
            from history cross join groups{joins}
            order by {same_period}groups.amount desc, {by}"
        )
    }

    /// The smallest unit that the periods are made of.
    fn unit(&self) -> Option<&'static str> {
        let smallest =
            [GroupBy::Day, GroupBy::Week, GroupBy::Month, GroupBy::Quarter, GroupBy::Year];
        smallest.iter().find(|it| self.keys.contains(it)).and_then(|it| it.unit())
    }

    /// Which entries to compare with, and the day for which each of them stands.
    fn base(&self, compare: Compare, range: Range) -> (Range, String) {
        let from = range.from.0;
        let (year_before, before) = (range.year_before(), range.before());
        let Some(unit) = self.unit() else {
            let range = if compare == Compare::PreviousYear { year_before } else { before };
            return (range, "null::date".to_owned());
        };
        // Wide enough for a whole period; what stands for a day outside of the report finds no row.
        let near = compare == Compare::PreviousPeriod && matches!(unit, "day" | "week");
        let reach = jiff::ToSpan::months(if near { 1 } else { 24 });
        let wide = from.checked_sub(reach).map_or(Range::ALL.from, Date);
        let day = match (compare, unit) {
            (Compare::PreviousPeriod, unit) => {
                let length =
                    if unit == "quarter" { "3 months".to_owned() } else { format!("1 {unit}") };
                format!("(date_trunc('{unit}', booked_on) + interval '{length}')::date")
            }
            // 29 February and week 53 stand for no day of the next year.
            (Compare::PreviousYear, "day") => "case when to_char(booked_on, 'MMDD') <> '0229'
                then (booked_on + interval '1 year')::date end"
                .to_owned(),
            (Compare::PreviousYear, "week") => "case when extract(week from booked_on) < 53
                then to_date(extract(isoyear from booked_on) + 1 || to_char(booked_on, '-IW'),
                    'IYYY-IW') end"
                .to_owned(),
            (Compare::PreviousYear, unit) => {
                format!("(date_trunc('{unit}', booked_on) + interval '1 year')::date")
            }
        };
        (Range { from: wide, to: range.to }, day)
    }

    /// The columns of one comparison. Before the first sale of all there is nothing to compare
    /// with; later a period without sales is a 0.
    fn compared(&self, compare: Compare, from: &str, to: &str) -> String {
        let name = compare.as_str();
        // The day after the period that is compared with
        let end = match (compare, self.unit()) {
            (Compare::PreviousPeriod, None) => from.to_owned(),
            (Compare::PreviousYear, None) => format!("({to} - interval '1 year')::date"),
            (Compare::PreviousPeriod, Some(unit)) => format!("date_trunc('{unit}', day_in)::date"),
            (Compare::PreviousYear, Some(unit)) => {
                let length =
                    if unit == "quarter" { "3 months".to_owned() } else { format!("1 {unit}") };
                format!(
                    "(date_trunc('{unit}', day_in) + interval '{length}' - interval '1 year')::date"
                )
            }
        };
        let base = format!("coalesce({name}, case when first_day < {end} then 0 end)");
        format!(
            ", round({base}, 4)::text as {name}_amount,
            round(100 * (amount - {name}) / nullif(abs({name}), 0), 2)::text as {name}_growth_percent"
        )
    }

    /// One entry of nothing for every period of the range, for each of the things that were sold.
    fn empty_periods(
        &self,
        names: &str,
        of_entry: &str,
        entries: &str,
        from: &str,
        to: &str,
    ) -> Option<String> {
        let periods = self.keys.iter().filter(|key| key.is_period());
        let periods = periods.map(|key| key.of_entry()).collect::<Vec<_>>().join(", ");
        if periods.is_empty() {
            return None;
        }
        let things = if names.is_empty() {
            "(select) as things".to_owned()
        } else {
            format!(
                "(select distinct {} from sales_entries where {entries}) as things",
                of_entry.trim_end_matches(", ")
            )
        };
        Some(format!(
            "select {names}'empty', day, null, null, null, null, null, null
            from {things} cross join (
                select distinct on ({periods}) day
                from (select {from} + generate_series(0, {to} - {from} - 1) as day) as days
            ) as calendar"
        ))
    }
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect()
}
