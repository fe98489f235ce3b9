//! Comparison of sales with the same days of the previous period or year, 环比 and 同比.

use jiff::ToSpan;
use platform::Date;

use crate::answer::Question;
use crate::period::Range;
use crate::sales::{Compare, SalesQuery};

/// One comparison of the rows of a report.
pub struct Comparison {
    compare: Compare,
    /// Smallest unit of the periods; `None` when the whole range is compared
    unit: Option<&'static str>,
    /// Compare whole periods, even where the report covers only some of their days
    whole: bool,
}

impl Comparison {
    pub fn new(compare: Compare, unit: Option<&'static str>, whole: bool) -> Self {
        Self { compare, unit, whole }
    }

    /// Selects the earlier amounts, as facts of `{names}role, day, orders, lines, customers,
    /// quantity, amount`. Each is on the day of the report that it is compared with.
    pub fn facts(
        &self,
        question: &mut Question<'_, SalesQuery>,
        of_entry: &str,
        names: &str,
        measure: &str,
    ) -> String {
        let role = self.compare.as_str();
        let Some(unit) = self.unit else {
            let (_, before) = self.ranges(question);
            let entries = question.entries_in(before);
            let things = names.trim_end_matches(", ");
            return format!(
                "select {of_entry}'{role}', null::date, null, null, null, null, sum({measure})
                from sales_entries where {entries} group by {things}"
            );
        };

        let entries = question.entries_in(self.reach(question.range, unit));
        let days = self.counterparts(unit);
        let days = days.map(|day| format!("({day})")).join(", ");
        let within = self.within(question, unit);
        format!(
            "select {names}'{role}', counterpart.day, null, null, null, null, earlier.amount
            from (
                select {of_entry}booked_on, sum({measure}) as amount
                from sales_entries where {entries} group by {names}booked_on
            ) as earlier cross join lateral (values {days}) as counterpart (day)
            where {within}"
        )
    }

    /// Returns the condition for the days of the report that are compared: those in its range, in a
    /// running period none after `as_of`; with `whole` all days of its periods.
    fn within(&self, question: &mut Question<'_, SalesQuery>, unit: &str) -> String {
        let (from, to) = (question.range.from, question.range.to);
        let (from, to) = (question.binds.date(from), question.binds.date(to));
        let day = "counterpart.day";
        if self.whole {
            let (first, last) = (start(unit, &from), start(unit, &format!("({to} - 1)")));
            let length = length(unit);
            return format!("{day} >= {first} and {day} < {last} + interval '{length}'");
        }

        let as_of = question.binds.date(question.as_of);
        let (period, running) = (start(unit, day), start(unit, &as_of));
        format!(
            "{day} >= {from} and {day} < {to} and not ({day} > {as_of} and {period} = {running})"
        )
    }

    /// Returns the days of the report that an earlier day `booked_on` is compared with. 29 February
    /// is compared with 28 February of the next year. 28 February is compared with 29 February as
    /// well where there is one, so that every day has a counterpart. Week 52 is also compared with
    /// a week 53; a week 53 has no counterpart.
    fn counterparts(&self, unit: &str) -> [String; 2] {
        let none = "null::date".to_owned();
        match (self.compare, unit) {
            (Compare::PreviousYear, "day") => {
                let next = "(booked_on + interval '1 year')::date";
                let last = "(booked_on + 1 + interval '1 year')::date - 1";
                [next.to_owned(), format!("nullif(greatest({next}, {last}), {next})")]
            }
            (Compare::PreviousYear, "week") => {
                let next = "to_date(extract(isoyear from booked_on) + 1 ||
                    to_char(booked_on, '-IW'), 'IYYY-IW')
                    + extract(isodow from booked_on)::int - 1";
                let weeks = "extract(week from
                    make_date(extract(isoyear from booked_on)::int + 1, 12, 28))";
                let week = "extract(week from booked_on)";
                [
                    format!("case when {week} < 53 then {next} end"),
                    format!("case when {week} = 52 and {weeks} = 53 then {next} + 7 end"),
                ]
            }
            (Compare::PreviousYear, _) => ["(booked_on + interval '1 year')::date".into(), none],
            (Compare::PreviousPeriod, unit) => {
                [format!("(booked_on + interval '{}')::date", length(unit)), none]
            }
        }
    }

    /// Returns the range in which earlier days are searched: wide enough for all of them.
    fn reach(&self, range: Range, unit: &str) -> Range {
        let months = |unit| match unit {
            "year" => 12,
            "quarter" => 3,
            "month" => 1,
            _ => 0,
        };

        let back = match self.compare {
            Compare::PreviousYear => 12,
            Compare::PreviousPeriod => months(unit),
        };

        let slack = if self.whole { 1 + months(unit) } else { 1 };
        let before = |day: Date, months: i32, limit: Date| {
            day.0.checked_sub(months.months()).map_or(limit, Date)
        };
        Range {
            from: before(range.from, back + slack, Range::ALL.from),
            to: before(range.to, back - slack, Range::ALL.to),
        }
    }

    /// Returns the days of the report and the earlier days, when the whole range is compared.
    fn ranges(&self, question: &Question<'_, SalesQuery>) -> (Range, Range) {
        let range = question.range;
        let compared = if self.whole { range } else { range.until(question.as_of) };
        let before = match self.compare {
            Compare::PreviousPeriod => compared.before(range),
            Compare::PreviousYear => compared.year_before(),
        };
        (compared, before)
    }

    /// Returns the columns of this comparison: the earlier amount, its growth, and the earlier
    /// days. Before the very first sale there is nothing to compare with; after it a period without
    /// sales counts as 0.
    pub fn columns(&self, question: &mut Question<'_, SalesQuery>) -> String {
        let name = self.compare.as_str();
        let (from, to) = match self.unit {
            None => {
                let (_, before) = self.ranges(question);
                (question.binds.date(before.from), question.binds.date(before.to))
            }
            Some(unit) => self.days_before(unit),
        };
        let base = format!("coalesce({name}, case when first_day < {to} then 0 end)");
        format!(
            ", round({base}, 4)::text as {name}_amount,
            round(100 * (groups.amount - {name}) / nullif(abs({name}), 0), 2)::text
                as {name}_growth_percent,
            {from} as {name}_from, {to} as {name}_to"
        )
    }

    /// Returns the first of the earlier days that the days from `since` to before `until` are
    /// compared with, and the day after the last one.
    fn days_before(&self, unit: &str) -> (String, String) {
        let length = match (self.compare, unit) {
            (Compare::PreviousYear, "week") => {
                let year = "(extract(isoyear from groups.start) - 1)";
                let week = "least(extract(week from groups.start), 52)";
                let before = format!("to_date({year} || '-' || {week}, 'IYYY-IW')");
                let back = |day: &str| format!("{before} + (groups.{day} - groups.start)");
                return (back("since"), back("until"));
            }
            (Compare::PreviousPeriod, unit) => length(unit),
            (Compare::PreviousYear, _) => "1 year",
        };

        let back = |day: &str| format!("(groups.{day} - interval '{length}')::date");
        let until = back("until");
        let days = matches!(length, "1 day" | "7 days");
        // An exclusive end of 29 February becomes 28 February a year earlier, which must stay
        // included.
        let last =
            format!("{until} + (extract(day from {until}) < extract(day from groups.until))::int");
        (back("since"), if days { until } else { last })
    }

    /// Returns the column of `groups` that sums the earlier amounts.
    pub fn sum(&self) -> String {
        let name = self.compare.as_str();
        format!(", sum(amount) filter (where role = '{name}') as {name}")
    }

    /// Returns the columns of `groups` for the compared days of the report, `compared_from` and
    /// `compared_to`. With periods it adds the `start` of each, and `since` and `until`, the days
    /// whose counterparts are searched.
    pub fn spans(&self, question: &mut Question<'_, SalesQuery>) -> String {
        let Some(unit) = self.unit else {
            let (range, _) = self.ranges(question);
            let (from, to) = (question.binds.date(range.from), question.binds.date(range.to));
            return format!(", {from} as compared_from, {to} as compared_to");
        };

        let (range, as_of) = (question.range, question.as_of);
        let (from, to) = (question.binds.date(range.from), question.binds.date(range.to));
        let as_of = question.binds.date(as_of);
        let start = format!("{}::date", start(unit, "min(day)"));
        let end = format!("({start} + interval '{}')::date", length(unit));
        let first = format!("greatest({start}, {from})");
        let (last, since, until) = if self.whole {
            (format!("least({end}, {to})"), &start, end.clone())
        } else {
            let running =
                format!("case when {start} <= {as_of} and {as_of} < {end} then {as_of} + 1 end");
            let last = format!("least({end}, {to}, {running})");
            (last.clone(), &first, last)
        };

        format!(
            ", {start} as start, {first} as compared_from, {last} as compared_to,
                    {since} as since, {until} as until"
        )
    }
}

/// Returns the first instant of the period that contains the date `day`.
fn start(unit: &str, day: &str) -> String {
    format!("date_trunc('{unit}', {day}::timestamp)")
}

fn length(unit: &str) -> &'static str {
    match unit {
        "day" => "1 day",
        "week" => "7 days",
        "month" => "1 month",
        "quarter" => "3 months",
        _ => "1 year",
    }
}
