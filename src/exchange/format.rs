//! Files and columns of the exchange format (`docs/exchange-format.md`).

/// The data type of a cell. Only the notation is checked here; the service checks ranges and
/// references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Text that may consist of digits, which a spreadsheet may convert to a number or a date
    Code,
    Phone,
    /// The external id of a row
    Id,
    Date,
    Decimal,
    /// A decimal with or without a percent sign
    Percent,
    Integer,
    /// Degrees
    Number,
    Boolean,
    /// Words separated by `;`
    List,
}

#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// Chinese headings, separated by blanks, the usual one first. Only unambiguous ones:
    /// 离职日期 and 结束日期 are last days, whereas the fields hold the day after, and 金额 and 折扣
    /// have two meanings each.
    pub headings: &'static str,
}

/// A file or sheet whose rows are the items of one resource.
#[derive(Debug)]
pub struct Layout {
    pub file: &'static str,
    /// Chinese name of the file or sheet
    pub title: &'static str,
    /// As in `/api/v1/<resource>/batch`
    pub resource: &'static str,
    pub columns: &'static [Column],
    pub nested: Option<Nested>,
}

/// A file or sheet whose rows are the elements of a list within the items of another file.
#[derive(Debug)]
pub struct Nested {
    pub file: &'static str,
    /// Chinese name of the file or sheet
    pub title: &'static str,
    /// The name of the list in the item
    pub field: &'static str,
    /// The column with the external id of the row's owner; it is not sent
    pub owner: &'static str,
    /// The column that identifies a row in messages. Default: the position in the list.
    pub label: Option<&'static str>,
    pub columns: &'static [Column],
}

impl Kind {
    /// Checks for texts that may consist of digits but are not numbers.
    pub fn is_code(self) -> bool {
        matches!(self, Self::Code | Self::Phone | Self::Id)
    }

    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::List) || self.is_code()
    }
}

impl Column {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

impl Layout {
    /// The column that refers to the parent row in the same file.
    pub const PARENT: &'static str = "parent_external_id";

    /// The resources that a column may refer to, in import order.
    pub fn target(&self, column: &str) -> &'static [&'static str] {
        match column.strip_suffix("_external_id") {
            Some("customer") => &["customers"],
            Some("product") => &["products"],
            Some("team") => &["teams"],
            Some("territory") => &["territories"],
            Some("owner") if self.resource == "targets" => &["teams", "users", "customers"],
            Some("salesperson" | "user" | "owner") => &["users"],
            Some("parent") => match self.resource {
                "teams" => &["teams"],
                "territories" => &["territories"],
                _ => &["targets"],
            },
            _ => &[],
        }
    }
}

const fn column(name: &'static str, kind: Kind, headings: &'static str) -> Column {
    Column { name, kind, required: false, headings }
}

const fn text(name: &'static str, headings: &'static str) -> Column {
    column(name, Kind::Text, headings)
}

const fn code(name: &'static str, headings: &'static str) -> Column {
    column(name, Kind::Code, headings)
}

const fn id(name: &'static str, headings: &'static str) -> Column {
    column(name, Kind::Id, headings)
}

const fn date(name: &'static str, headings: &'static str) -> Column {
    column(name, Kind::Date, headings)
}

const fn decimal(name: &'static str, headings: &'static str) -> Column {
    column(name, Kind::Decimal, headings)
}

/// All files in import order: a row refers only to rows of earlier files, or of its own.
pub const FILES: &[Layout] = &[
    Layout {
        file: "exchange_rates.csv",
        title: "汇率",
        resource: "exchange-rates",
        columns: &[
            id("external_id", "编号 外部编号 汇率编号").required(),
            text("from", "原币种 源币种").required(),
            text("to", "目标币种 本位币").required(),
            date("valid_on", "生效日期 汇率日期").required(),
            decimal("rate", "汇率").required(),
        ],
        nested: None,
    },
    Layout {
        file: "teams.csv",
        title: "团队",
        resource: "teams",
        columns: &[
            id("external_id", "团队编号 部门编号 编号 外部编号").required(),
            code("code", "团队编码 部门编码 编码"),
            text("name", "团队名称 部门名称 名称").required(),
            id(Layout::PARENT, "上级团队编号 上级部门编号 上级编号"),
        ],
        nested: None,
    },
    Layout {
        file: "users.csv",
        title: "人员",
        resource: "users",
        columns: &[
            id("external_id", "人员编号 员工编号 工号 编号 外部编号").required(),
            text("username", "用户名 登录名"),
            text("name", "姓名").required(),
            text("email", "邮箱 电子邮箱"),
            column("phone", Kind::Phone, "手机 手机号 手机号码 电话 联系电话"),
            column("roles", Kind::List, "角色"),
            id("team_external_id", "团队编号 部门编号"),
            column("leads_team", Kind::Boolean, "是否负责人 是否主管"),
            date("employed_from", "入职日期"),
            date("employed_to", "离职次日"),
            column("active", Kind::Boolean, "是否启用 是否在职"),
        ],
        nested: None,
    },
    Layout {
        file: "territories.csv",
        title: "区域",
        resource: "territories",
        columns: &[
            id("external_id", "区域编号 编号 外部编号").required(),
            code("code", "区域编码 编码"),
            text("name", "区域名称 名称").required(),
            id(Layout::PARENT, "上级区域编号 上级编号"),
            text("kind", "区域类型 类型"),
        ],
        nested: Some(Nested {
            file: "territory_holders.csv",
            title: "区域负责人",
            field: "holders",
            owner: "territory_external_id",
            label: None,
            columns: &[
                id("territory_external_id", "区域编号").required(),
                id("user_external_id", "人员编号 员工编号 工号").required(),
                date("valid_from", "开始日期 生效日期").required(),
                date("valid_to", "失效日期 结束次日"),
            ],
        }),
    },
    Layout {
        file: "products.csv",
        title: "产品",
        resource: "products",
        columns: &[
            id("external_id", "产品编号 商品编号 编号 外部编号").required(),
            code("code", "产品编码 商品编码 物料编码 编码").required(),
            text("name", "产品名称 商品名称 名称").required(),
            text("category", "类别 产品类别 大类"),
            text("subcategory", "子类别 小类"),
            text("unit", "单位 计量单位"),
            decimal("list_price", "目录价 标准售价"),
            decimal("standard_cost", "标准成本"),
            column("tax_rate", Kind::Percent, "税率"),
            column("active", Kind::Boolean, "是否启用 是否在售"),
        ],
        nested: Some(Nested {
            file: "product_prices.csv",
            title: "产品价格",
            field: "prices",
            owner: "product_external_id",
            label: None,
            columns: &[
                id("product_external_id", "产品编号 商品编号").required(),
                date("valid_from", "开始日期 生效日期").required(),
                date("valid_to", "失效日期 结束次日"),
                decimal("price", "价格").required(),
            ],
        }),
    },
    Layout {
        file: "customers.csv",
        title: "客户",
        resource: "customers",
        columns: &[
            id("external_id", "客户编号 编号 外部编号").required(),
            code("code", "客户编码 客户代码 编码"),
            text("name", "客户名称 名称").required(),
            text("kind", "客户类型 类型"),
            text("status", "客户状态 状态"),
            id("owner_external_id", "负责人编号 业务员编号 销售员编号"),
            id("territory_external_id", "区域编号"),
            text("region", "省份 地区"),
            text("city", "城市"),
            text("address", "地址 详细地址"),
            column("latitude", Kind::Number, "纬度"),
            column("longitude", Kind::Number, "经度"),
            text("coordinate_system", "坐标系 坐标系统"),
            column("phone", Kind::Phone, "电话 联系电话 客户电话"),
            text("industry", "行业"),
            text("tier", "客户等级 客户级别 等级"),
        ],
        nested: None,
    },
    Layout {
        file: "contacts.csv",
        title: "联系人",
        resource: "contacts",
        columns: &[
            id("external_id", "联系人编号 编号 外部编号").required(),
            id("customer_external_id", "客户编号").required(),
            text("name", "姓名 联系人 联系人姓名").required(),
            text("title", "职务 职位"),
            column("phone", Kind::Phone, "电话 手机 手机号 手机号码 联系电话"),
            text("email", "邮箱 电子邮箱"),
            column("is_primary", Kind::Boolean, "是否主要联系人 主要联系人"),
        ],
        nested: None,
    },
    Layout {
        file: "targets.csv",
        title: "目标",
        resource: "targets",
        columns: &[
            id("external_id", "目标编号 编号 外部编号").required(),
            text("owner_type", "对象类型").required(),
            id("owner_external_id", "对象编号"),
            text("channel", "渠道"),
            text("metric", "指标"),
            text("level", "目标档次 档次"),
            text("period_type", "期间类型").required(),
            date("period_start", "开始日期 期初日期").required(),
            date("period_end", "结束次日 期末次日"),
            decimal("value", "目标值").required(),
            text("currency", "币种"),
            text("status", "状态"),
            id(Layout::PARENT, "上级目标编号 上级编号"),
        ],
        nested: None,
    },
    Layout {
        file: "orders.csv",
        title: "订单",
        resource: "orders",
        columns: &[
            id("external_id", "订单编号 编号 外部编号").required(),
            code("number", "订单号 单号 单据号"),
            id("customer_external_id", "客户编号").required(),
            id("salesperson_external_id", "业务员编号 销售员编号"),
            id("territory_external_id", "区域编号"),
            text("channel", "渠道"),
            date("order_date", "订单日期 下单日期").required(),
            date("confirmed_on", "确认日期"),
            date("cancelled_on", "取消日期"),
            date("due_date", "交货日期 要求交货日期"),
            date("shipped_on", "发货日期"),
            text("currency", "币种"),
            text("status", "订单状态 状态"),
            decimal("tax_amount", "税额"),
            decimal("freight_amount", "运费"),
            decimal("amount", "不含税金额 未税金额"),
            decimal("total_amount", "价税合计 总金额"),
        ],
        nested: Some(Nested {
            file: "order_lines.csv",
            title: "订单明细",
            field: "lines",
            owner: "order_external_id",
            label: Some("line_number"),
            columns: &[
                id("order_external_id", "订单编号").required(),
                column("line_number", Kind::Integer, "行号").required(),
                id("product_external_id", "产品编号 商品编号"),
                text("description", "描述 说明 摘要"),
                decimal("quantity", "数量").required(),
                decimal("unit_price", "单价"),
                column("discount_percent", Kind::Percent, "优惠百分比"),
                decimal("amount", "不含税金额 未税金额").required(),
            ],
        }),
    },
];

/// The content of a cell that clears a field.
pub const NULL: &str = r"\N";

/// The suffix of files with rejected rows.
pub const REJECTED: &str = ".rejected.csv";
