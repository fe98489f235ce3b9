//! The SQL of sales by any grouping.
//!
//! The ledger is read twice: once for its sums and once for its counts. Counting the lines of every
//! booking first, then orders and customers, takes a third of the time of `count(distinct …)`,
//! which sorts all entries.

use platform::{Error, Fault, Result};

use crate::answer::{MOST_ROWS, Question, too_many_rows};
use crate::comparison::Comparison;
use crate::filter::{LEDGER, STANDS};
use crate::group::GroupBy;
use crate::period::Range;
use crate::sales::{Empty, SalesQuery};

/// Maximum number of CSV rows where periods without sales multiply them: the database would have to
/// make all of them before the first one is sent.
const MOST_LINES: i64 = 2_000_000;

/// Number of entries that are read to find a lower bound of the number of groups.
const LOOK: i64 = 1_000_000;

/// The keys of a report, its comparisons, and whether it lists empty periods.
pub struct Grouping {
    keys: Vec<GroupBy>,
    comparisons: Vec<Comparison>,
    empty: bool,
}

impl Grouping {
    /// Checks the parameters and builds the grouping.
    pub fn of(query: &SalesQuery) -> Result<Self> {
        let keys = query.group_by.clone().unwrap_or_default();
        let compare = query.compare.clone().unwrap_or_default();
        let empty = query.empty == Some(Empty::Include);
        let whole = query.compare_whole == Some(true);
        let has = |key| keys.contains(&key);
        let crossing = has(GroupBy::Month) || has(GroupBy::Quarter) || has(GroupBy::Year);
        let periods = keys.iter().any(|key| key.is_period());

        let mut faults = repeated("group_by", &keys);
        faults.extend(repeated("compare", &compare));
        let mut refuse = |holds: bool, name: &str, why: &str| {
            faults.extend(Some(Fault::new(name, "contradiction", why)).filter(|_| holds));
        };

        let why = "not available for weeks within months, quarters or years, because weeks cross \
            their limits";
        let weeks = has(GroupBy::Week) && crossing && !has(GroupBy::Day);
        refuse(weeks && !compare.is_empty(), "/compare", why);
        let why = "requires `group_by`";
        refuse(keys.is_empty() && !compare.is_empty(), "/compare", why);
        let why = "requires `compare`";
        refuse(whole && compare.is_empty(), "/compare_whole", why);
        let why = "requires `day`, `week`, `month`, `quarter` or `year` in `group_by`";
        refuse(empty && !periods, "/empty", why);
        if !faults.is_empty() {
            return Err(Error::bad_request("invalid_query", "").faults(faults));
        }

        let unit = unit(&keys);
        let comparisons =
            compare.into_iter().map(|compare| Comparison::new(compare, unit, whole)).collect();
        Ok(Self { keys, comparisons, empty })
    }

    /// Returns whether the report has no keys and therefore only totals.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the common part of rows and totals, `with sums …, sold …, groups …`: the amounts of
    /// each group, the bookings, and one row for each combination of the keys, with the earlier
    /// amounts.
    pub fn shared(&self, question: &mut Question<'_, SalesQuery>, entries: &str) -> String {
        let (of_entry, names) = (self.of_entry(), self.names());
        let by = self.by("booked_on");
        let of_sums = if by.is_empty() { "()".to_owned() } else { by.join(", ") };
        let bookings = if self.is_of_line() { "" } else { &*names };
        let of_bookings = if self.is_of_line() { "" } else { &*of_entry };
        let counted = format!(
            "with sums as materialized (
                select {of_entry}min(booked_on) as day, sum(quantity) as quantity,
                    sum(amount) as amount, sum(line_amount) as line_amount
                from sales_entries where {entries}
                group by {of_sums}
            ),
            sold as materialized (
                select {of_bookings}order_id, user_id, booked_on, customer_id, count(*) as lines
                from {LEDGER} where {entries} and {STANDS}
                group by {bookings}order_id, user_id, booked_on, customer_id
            )"
        );

        if self.is_empty() {
            return counted;
        }

        let facts = self.facts(question, entries);
        let spans = self.comparisons.first().map(|first| first.spans(question));
        let spans = spans.unwrap_or_default();
        let by = self.by("day").join(", ");
        let before = self.comparisons.iter().map(Comparison::sum).collect::<String>();
        format!(
            "{counted},
            facts as ({facts}),
            groups as (
                select {names}min(day) as day, coalesce(sum(orders), 0)::bigint as orders,
                    coalesce(sum(lines), 0)::bigint as lines,
                    coalesce(sum(customers), 0)::bigint as customers,
                    coalesce(sum(quantity), 0) as quantity,
                    coalesce(sum(amount) filter (where role = 'now'), 0) as amount{before}{spans}
                from facts
                group by {by}
                having bool_or(role = 'empty') or sum(orders) > 0
                    or sum(amount) filter (where role = 'now') <> 0
            )"
        )
    }

    /// Returns the facts that groups are made of: amounts, orders and customers, each counted once,
    /// and the earlier amounts. A booking has each line once, and people who share an order have
    /// the same lines. So of several bookings in a group the largest has all lines.
    fn facts(&self, question: &mut Question<'_, SalesQuery>, entries: &str) -> String {
        let (of_entry, names) = (self.of_entry(), self.names());
        let measure = if self.is_of_line() { "line_amount" } else { "amount" };
        let by = self.by("booked_on").join(", ");
        let counts = if self.is_of_line() {
            // Nearly every line has its own product, so that counting in two steps would save
            // nothing.
            format!(
                "select {of_entry}'now', min(booked_on), count(distinct order_id),
                    count(distinct (order_id, line_number)), count(distinct customer_id), null, null
                from {LEDGER} where {entries} and {STANDS} group by {by}"
            )
        } else {
            format!(
                "select {names}'now', min(booked_on), 1, max(lines), 0, null, null
                from sold group by {by}, order_id
                union all
                select {names}'now', min(booked_on), 0, 0, 1, null, null
                from sold group by {by}, customer_id"
            )
        };

        let mut facts = vec![format!(
            "select {names}'now' as role, day, 0 as orders, 0 as lines, 0 as customers, quantity,
                {measure} as amount
            from sums
            union all {counts}"
        )];

        for comparison in &self.comparisons {
            facts.push(comparison.facts(question, &of_entry, &names, measure));
        }

        if self.empty {
            facts.push(self.empty_periods(question, entries));
        }

        facts.join(" union all ")
    }

    /// Selects the rows from `groups` in their final order.
    pub fn rows(&self, question: &mut Question<'_, SalesQuery>) -> String {
        let keys = self.keys.iter();
        let shown =
            keys.clone().map(|key| format!("{}, ", key.shown())).collect::<Vec<_>>().concat();
        let joins = keys.clone().filter_map(|key| {
            let (table, name) = (key.table()?, key.as_str());
            Some(format!(" left join {table} on {table}.id = groups.{name}"))
        });
        let joins = joins.collect::<Vec<_>>().concat();

        let periods = keys.filter_map(|key| key.start_of("groups.day"));
        let periods = periods.map(|period| format!("{period}, ")).collect::<Vec<_>>().concat();
        let things = self.things().map(|key| format!("groups.{}", key.as_str()));
        let things: Vec<String> = things.collect();
        let nameless = things.iter().map(|thing| format!("{thing} is null"));
        let nameless = nameless.chain(["false".to_owned()]).collect::<Vec<_>>().join(" or ");
        let order = things.iter().map(|thing| format!(", {thing}")).collect::<Vec<_>>().concat();

        let compared = self.comparisons.iter().map(|comparison| comparison.columns(question));
        let mut compared = compared.collect::<Vec<_>>().concat();
        let mut history = String::new();
        if !self.comparisons.is_empty() {
            compared.insert_str(0, ", groups.compared_from, groups.compared_to");
            history = first_day(question);
        }

        format!(
            "select {shown}groups.orders, groups.lines, groups.customers,
                trim_scale(groups.quantity)::text as quantity,
                round(groups.amount, 4)::text as amount,
                round(100 * groups.amount
                    / nullif(sum(groups.amount) over (partition by {periods}1), 0), 2)::text
                    as share_percent,
                case when not ({nameless}) then
                    rank() over (partition by {periods}{nameless} order by groups.amount desc)
                end as rank{compared}
            from groups{history}{joins}
            order by {periods}groups.amount desc{order}"
        )
    }

    /// Selects the totals. Orders, lines, customers and people are each counted once.
    pub fn totals() -> String {
        "select orders, lines, customers, salespeople,
                coalesce(trim_scale(quantity), 0)::text as quantity,
                round(coalesce(amount, 0), 4)::text as amount, first_date, last_date,
                round(coalesce(amount - line_amount, 0), 4)::text as rounding_difference
            from (
                select count(*) as orders, coalesce(sum(lines), 0)::bigint as lines,
                    min(first_date) as first_date, max(last_date) as last_date
                from (
                    select order_id, max(lines) as lines, min(booked_on) as first_date,
                        max(booked_on) as last_date
                    from sold group by order_id
                ) as of_orders
            ) as counted cross join (
                select sum(quantity) as quantity, sum(amount) as amount,
                    sum(line_amount) as line_amount
                from sums
            ) as summed cross join (
                select count(*) as customers from (select distinct customer_id from sold) as buyers
            ) as buyers cross join (
                select count(user_id) as salespeople
                from (select distinct user_id from sold) as sellers
            ) as sellers"
            .to_owned()
    }

    /// Returns a condition that holds when the answer would have too many rows, and the error. Its
    /// check takes a fraction of the report's time. Keys with few values are not counted.
    pub fn too_many(
        &self,
        question: &Question<'_, SalesQuery>,
        entries: &str,
    ) -> Option<(String, fn() -> Error)> {
        use GroupBy::{Customer, Day, Product, Week};
        let many = self.keys.iter().any(|key| matches!(key, Customer | Product | Day | Week));
        let things: Vec<String> = self.things().map(|key| key.as_str().to_owned()).collect();
        let (times, keys) = if self.empty && !things.is_empty() {
            (self.periods(question), things)
        } else if many && self.keys.len() > 1 && !question.is_for_table() {
            (1, self.by("booked_on"))
        } else {
            return None;
        };

        let (most, refusal): (_, fn() -> Error) = if question.is_for_table() {
            (MOST_LINES, too_many_lines)
        } else {
            (i64::try_from(MOST_ROWS).unwrap_or(i64::MAX), too_many_rows)
        };

        let (of_entry, keys) = (self.of_entry(), keys.join(", "));
        let holds = format!(
            "select count(*) * {times} > {most} from (
                select distinct {keys} from (
                    select {of_entry}booked_on from sales_entries where {entries} limit {LOOK}
                ) as entries
            ) as groups"
        );
        Some((holds, refusal))
    }

    /// Returns the minimum number of periods in the range.
    fn periods(&self, question: &Question<'_, SalesQuery>) -> i64 {
        let (from, to) = (question.range.from.0, question.range.to.0);
        let days = i64::from((to - from).get_days());
        let longest = match unit(&self.keys) {
            Some("day") | None => 1,
            Some("week") => 7,
            Some("month") => 31,
            Some("quarter") => 92,
            Some(_) => 366,
        };
        days / longest
    }

    /// Selects one empty fact for every period of the range and each combination of the other keys
    /// that was sold.
    fn empty_periods(&self, question: &mut Question<'_, SalesQuery>, entries: &str) -> String {
        let range = question.range;
        let (from, to) = (question.binds.date(range.from), question.binds.date(range.to));
        let names = self.names();
        let periods: Vec<_> = self.keys.iter().filter_map(|key| key.start_of("day")).collect();
        let periods = periods.join(", ");
        let of_entry = self.of_entry();
        let things = if names.is_empty() {
            "(select) as things".to_owned()
        } else {
            let of_entry = of_entry.trim_end_matches(", ");
            format!("(select distinct {of_entry} from sales_entries where {entries}) as things")
        };

        format!(
            "select {names}'empty', calendar.day, 0, 0, 0, null, null
            from {things} cross join (
                select distinct on ({periods}) day
                from (select {from} + generate_series(0, {to} - {from} - 1) as day) as days
            ) as calendar"
        )
    }

    /// Returns the keys that are not periods.
    fn things(&self) -> impl Iterator<Item = GroupBy> {
        self.keys.iter().copied().filter(|key| !key.is_period())
    }

    /// Returns the other keys with their ledger columns: `user_id as salesperson, `.
    fn of_entry(&self) -> String {
        let column = |key: GroupBy| format!("{} as {}, ", key.of_entry(), key.as_str());
        self.things().map(column).collect()
    }

    /// Returns the names of the other keys: `salesperson, `.
    fn names(&self) -> String {
        self.things().map(|key| [key.as_str(), ", "].concat()).collect()
    }

    /// Returns the expressions to group by, for a date called `day`.
    fn by(&self, day: &str) -> Vec<String> {
        let key = |key: &GroupBy| key.start_of(day).unwrap_or_else(|| key.as_str().to_owned());
        self.keys.iter().map(key).collect()
    }

    fn is_of_line(&self) -> bool {
        self.keys.iter().any(|key| key.is_of_line())
    }
}

/// Returns the smallest unit of the periods among the keys.
fn unit(keys: &[GroupBy]) -> Option<&'static str> {
    let smallest = [GroupBy::Day, GroupBy::Week, GroupBy::Month, GroupBy::Quarter, GroupBy::Year];
    smallest.iter().find(|unit| keys.contains(unit)).and_then(|unit| unit.unit())
}

/// Returns a fault for each value that is given twice, because it would count twice.
fn repeated<T: PartialEq>(name: &str, values: &[T]) -> Vec<Fault> {
    let twice = (0..values.len()).filter(|at| values[..*at].contains(&values[*at]));
    let fault =
        |at| Fault::new(format!("/{name}/{at}"), "duplicate", "each value may be listed only once");
    twice.map(fault).collect()
}

/// Returns a join with the day of the very first sale that the reader may see.
fn first_day(question: &mut Question<'_, SalesQuery>) -> String {
    let range = Range { from: Range::ALL.from, ..question.range };
    let entries = question.entries_in(range);
    format!(
        " cross join (
            select min(booked_on) as first_day from sales_entries where {entries}
        ) as history"
    )
}

fn too_many_lines() -> Error {
    let detail = "The report has more than 2,000,000 rows, most of them without sales. Narrow it.";
    too_many_rows().detail(detail)
}
