//! Keys by which sales can be grouped: their name, their ledger column, and how a row shows them.

platform::text_enum! {
    /// Key of a grouping
    pub enum GroupBy {
        /// 销售员
        Salesperson = "salesperson",
        /// 团队 of the person at recognition
        Team = "team",
        /// 区域
        Territory = "territory",
        /// 地区 of the customer at recognition
        Region = "region",
        /// 客户
        Customer = "customer",
        /// 产品
        Product = "product",
        /// 产品类别 of the product at recognition
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
    /// Returns whether the key is a calendar period, within which shares and ranks are computed.
    pub fn is_period(self) -> bool {
        self.unit().is_some()
    }

    /// Returns whether order lines have the key and orders do not, so that the amounts of the lines
    /// are summed.
    pub fn is_of_line(self) -> bool {
        matches!(self, Self::Product | Self::Category)
    }

    /// Returns the unit of a period for `date_trunc`.
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

    /// Returns the column of the ledger. All periods come from the day.
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

    /// Returns the name of the period that contains the date `day`.
    fn label(self, day: &str) -> String {
        match self {
            Self::Week => format!(r#"to_char({day}, 'IYYY-"W"IW')"#),
            Self::Month => format!("to_char({day}, 'YYYY-MM')"),
            Self::Quarter => format!(r#"to_char({day}, 'YYYY-"Q"Q')"#),
            Self::Year => format!("extract(year from {day})::int"),
            _ => day.to_owned(),
        }
    }

    /// Returns the beginning of the period that contains the date `day`.
    pub fn start_of(self, day: &str) -> Option<String> {
        self.unit().map(|unit| format!("date_trunc('{unit}', {day}::timestamp)"))
    }

    /// Returns the table with the external id and the name.
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

    /// Returns the columns of a row of `groups`. Every name is qualified, because the joined tables
    /// have columns `region` and `category` of their own.
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
