//! The files of the exchange format with their columns (`docs/exchange-format.md`).

/// How a cell becomes JSON. Decimals, dates and references stay text: the service reads them
/// exactly, and names what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    /// Degrees
    Number,
    /// `true` or `false`
    Boolean,
    /// Words separated by `;`
    List,
}

#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// A file whose rows are the items of one resource.
#[derive(Debug)]
pub struct Layout {
    pub file: &'static str,
    /// As it stands in `/api/v1/<resource>/batch`
    pub resource: &'static str,
    pub columns: &'static [Column],
    pub nested: Option<Nested>,
}

/// A file whose rows are the elements of a list inside the items of another file.
#[derive(Debug)]
pub struct Nested {
    pub file: &'static str,
    /// The list's name in the item
    pub field: &'static str,
    /// The column with the external id of the row's owner; it is not sent
    pub owner: &'static str,
    /// The column by which people know a row of the list; its place in the list, if there is none
    pub label: Option<&'static str>,
    pub columns: &'static [Column],
}

impl Layout {
    /// Rows may lie below others of the same file, by this column.
    pub const PARENT: &'static str = "parent_external_id";
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false }
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn required(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, required: true }
}

const ID: Column = required("external_id");

/// All files, in the order in which they are imported: a row refers to rows of files before its
/// own.
pub const FILES: &[Layout] = &[
    Layout {
        file: "exchange_rates.csv",
        resource: "exchange-rates",
        columns: &[ID, required("from"), required("to"), required("valid_on"), required("rate")],
        nested: None,
    },
    Layout {
        file: "teams.csv",
        resource: "teams",
        columns: &[ID, text("code"), required("name"), text(Layout::PARENT)],
        nested: None,
    },
    Layout {
        file: "users.csv",
        resource: "users",
        columns: &[
            ID,
            text("username"),
            required("name"),
            text("email"),
            text("phone"),
            column("roles", Kind::List),
            text("team_external_id"),
            column("leads_team", Kind::Boolean),
            text("employed_from"),
            text("employed_to"),
            column("active", Kind::Boolean),
        ],
        nested: None,
    },
    Layout {
        file: "territories.csv",
        resource: "territories",
        columns: &[ID, text("code"), required("name"), text(Layout::PARENT), text("kind")],
        nested: Some(Nested {
            file: "territory_holders.csv",
            field: "holders",
            owner: "territory_external_id",
            label: None,
            columns: &[
                required("territory_external_id"),
                required("user_external_id"),
                required("valid_from"),
                text("valid_to"),
            ],
        }),
    },
    Layout {
        file: "products.csv",
        resource: "products",
        columns: &[
            ID,
            required("code"),
            required("name"),
            text("category"),
            text("subcategory"),
            text("unit"),
            text("list_price"),
            text("standard_cost"),
            text("tax_rate"),
            column("active", Kind::Boolean),
        ],
        nested: Some(Nested {
            file: "product_prices.csv",
            field: "prices",
            owner: "product_external_id",
            label: None,
            columns: &[
                required("product_external_id"),
                required("valid_from"),
                text("valid_to"),
                required("price"),
            ],
        }),
    },
    Layout {
        file: "customers.csv",
        resource: "customers",
        columns: &[
            ID,
            text("code"),
            required("name"),
            text("kind"),
            text("status"),
            text("owner_external_id"),
            text("territory_external_id"),
            text("region"),
            text("city"),
            text("address"),
            column("latitude", Kind::Number),
            column("longitude", Kind::Number),
            text("coordinate_system"),
            text("phone"),
            text("industry"),
            text("tier"),
        ],
        nested: None,
    },
    Layout {
        file: "contacts.csv",
        resource: "contacts",
        columns: &[
            ID,
            required("customer_external_id"),
            required("name"),
            text("title"),
            text("phone"),
            text("email"),
            column("is_primary", Kind::Boolean),
        ],
        nested: None,
    },
    Layout {
        file: "targets.csv",
        resource: "targets",
        columns: &[
            ID,
            required("owner_type"),
            text("owner_external_id"),
            text("channel"),
            text("metric"),
            text("level"),
            required("period_type"),
            required("period_start"),
            text("period_end"),
            required("value"),
            text("currency"),
            text("status"),
            text(Layout::PARENT),
        ],
        nested: None,
    },
    Layout {
        file: "orders.csv",
        resource: "orders",
        columns: &[
            ID,
            text("number"),
            required("customer_external_id"),
            text("salesperson_external_id"),
            text("territory_external_id"),
            text("channel"),
            required("order_date"),
            text("confirmed_on"),
            text("cancelled_on"),
            text("due_date"),
            text("shipped_on"),
            text("currency"),
            text("status"),
            text("tax_amount"),
            text("freight_amount"),
            text("amount"),
            text("total_amount"),
        ],
        nested: Some(Nested {
            file: "order_lines.csv",
            field: "lines",
            owner: "order_external_id",
            label: Some("line_number"),
            columns: &[
                required("order_external_id"),
                Column { name: "line_number", kind: Kind::Integer, required: true },
                text("product_external_id"),
                text("description"),
                required("quantity"),
                required("unit_price"),
                text("discount_percent"),
                required("amount"),
            ],
        }),
    },
];

/// What stands in a cell to clear a field.
pub const NULL: &str = r"\N";

/// What a file of refused rows ends with.
pub const REJECTED: &str = ".rejected.csv";

/// Whether the format knows a file of this name.
pub fn knows(name: &str) -> bool {
    let nested = |it: &Layout| it.nested.as_ref().is_some_and(|nested| nested.file == name);
    FILES.iter().any(|it| it.file == name || nested(it))
}
