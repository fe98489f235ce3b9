//! State machines of credit investigations and requests for terms, with the permitted actors.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::machines::tables::{Action, Again, Machine, reason};

const ASK: &[Role] = &[
    Role::Admin,
    Role::SalesDirector,
    Role::SalesManager,
    Role::Salesperson,
    Role::BackOffice,
    Role::Finance,
    Role::CreditController,
];
const INVESTIGATE: &[Role] = &[Role::Admin, Role::Finance, Role::CreditController];
const DECIDE: &[Role] = &[
    Role::Admin,
    Role::GeneralManager,
    Role::SalesDirector,
    Role::SalesManager,
    Role::CreditController,
];

fn findings() -> Value {
    json!({ "sources": ["register"], "score": 70, "recommended_limit": "1000" })
}

/// Credit investigations: requested → investigating → concluded; a job does the rest.
pub const INVESTIGATIONS: Machine = Machine {
    path: "credit-investigations",
    type_: "credit_investigation",
    personal: false,
    actions: &[
        Action {
            name: "start",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("requested", INVESTIGATE, Some("investigating")),
                ("investigating", INVESTIGATE, None),
                ("concluded", INVESTIGATE, None),
                ("expired", INVESTIGATE, None),
            ],
        },
        Action {
            name: "conclude",
            body: Some(findings),
            again: Again::ByStatus,
            table: &[
                ("requested", INVESTIGATE, None),
                ("investigating", INVESTIGATE, Some("concluded")),
                ("concluded", INVESTIGATE, None),
                ("expired", INVESTIGATE, None),
            ],
        },
    ],
};

/// Requests for terms: draft → submitted → approved or rejected; withdrawn before the decision.
pub const TERMS: Machine = Machine {
    path: "terms-requests",
    type_: "terms_request",
    personal: false,
    actions: &[
        Action {
            name: "submit",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", ASK, Some("submitted")),
                ("submitted", ASK, None),
                ("approved", ASK, None),
                ("rejected", ASK, None),
                ("withdrawn", ASK, None),
            ],
        },
        Action {
            name: "approve",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("draft", DECIDE, None),
                ("submitted", DECIDE, Some("approved")),
                ("approved", DECIDE, None),
                ("rejected", DECIDE, None),
                ("withdrawn", DECIDE, None),
            ],
        },
        Action {
            name: "reject",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("draft", DECIDE, None),
                ("submitted", DECIDE, Some("rejected")),
                ("approved", DECIDE, None),
                ("rejected", DECIDE, None),
                ("withdrawn", DECIDE, None),
            ],
        },
        Action {
            name: "withdraw",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", ASK, Some("withdrawn")),
                ("submitted", ASK, Some("withdrawn")),
                ("approved", ASK, None),
                ("rejected", ASK, None),
                ("withdrawn", ASK, None),
            ],
        },
    ],
};
