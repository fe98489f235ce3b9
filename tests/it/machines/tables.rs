//! State machines, written independently of the service: the permitted roles and the resulting
//! status of each action in each status.

use salesbook::access::Role;
use serde_json::{Value, json};

const SELL: &[Role] = &[
    Role::Admin,
    Role::SalesDirector,
    Role::SalesManager,
    Role::Salesperson,
    Role::BackOffice,
    Role::Erp,
];
pub const MANAGE: &[Role] =
    &[Role::Admin, Role::SalesDirector, Role::SalesManager, Role::BackOffice];
const HOLD: &[Role] = &[
    Role::Admin,
    Role::SalesDirector,
    Role::SalesManager,
    Role::BackOffice,
    Role::CreditController,
];
const RELEASE: &[Role] = &[Role::Admin, Role::CreditController];
pub const DRAFT: &[Role] =
    &[Role::Admin, Role::SalesDirector, Role::SalesManager, Role::Salesperson, Role::BackOffice];
pub const APPROVE: &[Role] = &[Role::Admin, Role::SalesDirector, Role::SalesManager];

pub struct Machine {
    /// Path of the rows, and their type in the feed
    pub path: &'static str,
    pub type_: &'static str,
    /// True if some actions are for the owner only, so that each row has its own owner
    pub personal: bool,
    pub actions: &'static [Action],
}

/// The result of repeating an action, if the status still allows it.
#[derive(Clone, Copy, PartialEq)]
pub enum Again {
    ByStatus,
    /// The action is refused
    Refused,
    /// The action succeeds and changes nothing
    Nothing,
    /// The action is executed again
    Anew,
}

pub struct Action {
    pub name: &'static str,
    pub body: Option<fn() -> Value>,
    pub again: Again,
    /// The permitted roles and the new status, if it changes, for each status
    pub table: &'static [(&'static str, &'static [Role], Option<&'static str>)],
}

pub fn reason() -> Value {
    json!({ "reason": "because" })
}

/// Customers, including the pool: prospect → active ⇄ dormant, lost, blacklisted.
pub const CUSTOMERS: Machine = Machine {
    path: "customers",
    type_: "customer",
    personal: false,
    actions: &[
        Action {
            name: "activate",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("prospect", SELL, Some("active")),
                ("active", SELL, None),
                ("dormant", SELL, Some("active")),
                ("lost", SELL, Some("active")),
                ("blacklisted", SELL, None),
            ],
        },
        Action {
            name: "make-dormant",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("prospect", SELL, None),
                ("active", SELL, Some("dormant")),
                ("dormant", SELL, None),
                ("lost", SELL, None),
                ("blacklisted", SELL, None),
            ],
        },
        Action {
            name: "lose",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("prospect", SELL, Some("lost")),
                ("active", SELL, Some("lost")),
                ("dormant", SELL, Some("lost")),
                ("lost", SELL, None),
                ("blacklisted", SELL, None),
            ],
        },
        Action {
            name: "blacklist",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("prospect", MANAGE, Some("blacklisted")),
                ("active", MANAGE, Some("blacklisted")),
                ("dormant", MANAGE, Some("blacklisted")),
                ("lost", MANAGE, Some("blacklisted")),
                ("blacklisted", MANAGE, None),
            ],
        },
        Action {
            name: "reinstate",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("prospect", MANAGE, None),
                ("active", MANAGE, None),
                ("dormant", MANAGE, None),
                ("lost", MANAGE, None),
                ("blacklisted", MANAGE, Some("prospect")),
            ],
        },
    ],
};

/// Orders: draft → submitted → (on credit hold) → confirmed ⇄ closed; cancelled before they are
/// closed.
pub const ORDERS: Machine = Machine {
    path: "orders",
    type_: "order",
    personal: false,
    actions: &[
        Action {
            name: "submit",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", SELL, Some("submitted")),
                ("submitted", SELL, None),
                ("credit_hold", SELL, None),
                ("confirmed", SELL, None),
                ("closed", SELL, None),
                ("cancelled", SELL, None),
            ],
        },
        Action {
            name: "confirm",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", MANAGE, None),
                ("submitted", MANAGE, Some("confirmed")),
                ("credit_hold", MANAGE, None),
                ("confirmed", MANAGE, None),
                ("closed", MANAGE, None),
                ("cancelled", MANAGE, None),
            ],
        },
        Action {
            name: "hold",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("draft", HOLD, None),
                ("submitted", HOLD, Some("credit_hold")),
                ("credit_hold", HOLD, None),
                ("confirmed", HOLD, None),
                ("closed", HOLD, None),
                ("cancelled", HOLD, None),
            ],
        },
        Action {
            name: "release",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", RELEASE, None),
                ("submitted", RELEASE, None),
                ("credit_hold", RELEASE, Some("confirmed")),
                ("confirmed", RELEASE, None),
                ("closed", RELEASE, None),
                ("cancelled", RELEASE, None),
            ],
        },
        Action {
            name: "close",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", MANAGE, None),
                ("submitted", MANAGE, None),
                ("credit_hold", MANAGE, None),
                ("confirmed", MANAGE, Some("closed")),
                ("closed", MANAGE, None),
                ("cancelled", MANAGE, None),
            ],
        },
        Action {
            name: "reopen",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", MANAGE, None),
                ("submitted", MANAGE, None),
                ("credit_hold", MANAGE, None),
                ("confirmed", MANAGE, None),
                ("closed", MANAGE, Some("confirmed")),
                ("cancelled", MANAGE, None),
            ],
        },
        Action {
            name: "cancel",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("draft", SELL, Some("cancelled")),
                ("submitted", SELL, Some("cancelled")),
                ("credit_hold", SELL, Some("cancelled")),
                ("confirmed", MANAGE, Some("cancelled")),
                ("closed", MANAGE, None),
                ("cancelled", SELL, None),
            ],
        },
    ],
};

/// Targets: draft → approved → closed. The sums of their parts are tested elsewhere.
pub const TARGETS: Machine = Machine {
    path: "targets",
    type_: "target",
    personal: false,
    actions: &[
        Action {
            name: "PATCH",
            body: Some(|| json!({ "value": "31", "reason": "because" })),
            again: Again::Nothing,
            table: &[
                ("draft", DRAFT, Some("draft")),
                ("approved", APPROVE, Some("approved")),
                ("closed", DRAFT, None),
            ],
        },
        Action {
            name: "approve",
            body: Some(|| json!({})),
            again: Again::ByStatus,
            table: &[
                ("draft", APPROVE, Some("approved")),
                ("approved", APPROVE, None),
                ("closed", APPROVE, None),
            ],
        },
        Action {
            name: "close",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", APPROVE, None),
                ("approved", APPROVE, Some("closed")),
                ("closed", APPROVE, None),
            ],
        },
        Action {
            name: "DELETE",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", DRAFT, Some("gone")),
                ("approved", DRAFT, None),
                ("closed", DRAFT, None),
            ],
        },
    ],
};
