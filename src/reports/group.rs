//! What sales can be grouped by: its name, where the ledger keeps it, how a row shows it.

platform::text_enum! {
    /// One key of a grouping
    pub enum GroupBy {
        /// 销售员
        Salesperson = "salesperson",
        /// 团队: the person's own at recognition
        Team = "team",
        /// 区域
        Territory = "territory",
        /// 地区: the customer's at recognition
        Region = "region",
        /// 客户
        Customer = "customer",
        /// 产品
        Product = "product",
        /// 产品类别: the product's at recognition
        Category = "category",
        /// 渠道
        Channel = "channel",
        /// 日
        Day = "day",
        /// ISO 周
        Week = "week",
        /// 月
        Month = "month",
        /// 季度
        Quarter = "quarter",
        /// 年
        Year = "year",
    }
}

impl GroupBy {
    /// A part of the calendar, within which shares and ranks are counted.
    pub fn is_period(self) -> bool {
        self.unit().is_some()
    }

    /// Lines have it, orders do not: then the lines' own amounts are summed.
    pub fn is_of_line(self) -> bool {
        matches!(self, Self::Product | Self::Category)
    }

    /// The unit of a period for `date_trunc`.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Day => Some("day"),
            Self::Week => Some("week"),
            Self::Month => Some("month"),
            Self::Quarter => Some("quarter"),
            Self::Year => Some("year"),
            _ => None,
        }
    }

    /// The column of the ledger. Periods have only the day.
    pub fn of_entry(self) -> &'static str {
        match self {
            Self::Salesperson => "user_id",
            Self::Team => "team_path[1]",
            Self::Territory => "territory_id",
            Self::Region => "region",
            Self::Customer => "customer_id",
            Self::Product => "product_id",
            Self::Category => "category",
            Self::Channel => "channel",
            Self::Day | Self::Week | Self::Month | Self::Quarter | Self::Year => "booked_on",
        }
    }

    /// The name of the period that the date `day` lies in.
    fn label(self, day: &str) -> String {
        match self {
            Self::Week => format!(r#"to_char({day}, 'IYYY-"W"IW')"#),
            Self::Month => format!("to_char({day}, 'YYYY-MM')"),
            Self::Quarter => format!(r#"to_char({day}, 'YYYY-"Q"Q')"#),
            Self::Year => format!("extract(year from {day})::int"),
            _ => day.to_owned(),
        }
    }

    /// The beginning of the period that the date `day` lies in.
    pub fn start_of(self, day: &str) -> Option<String> {
        self.unit().map(|unit| format!("date_trunc('{unit}', {day}::timestamp)"))
    }

    /// The table that knows more about it than its id.
    pub fn table(self) -> Option<&'static str> {
        match self {
            Self::Salesperson => Some("users"),
            Self::Team => Some("teams"),
            Self::Territory => Some("territories"),
            Self::Customer => Some("customers"),
            Self::Product => Some("products"),
            _ => None,
        }
    }

    /// The columns of a row of `groups`. Every name is qualified: the tables that know the names have
    /// a region or a category of their own.
    pub fn shown(self) -> String {
        let name = self.as_str();
        match self.table() {
            Some(table) => format!(
                "groups.{name} as {name}_id, {table}.external_id as {name}_external_id,
                 {table}.name as {name}_name"
            ),
            None if self.is_period() => format!("{} as {name}", self.label("groups.day")),
            None => format!("groups.{name}"),
        }
    }
}
