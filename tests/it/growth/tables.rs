//! State machines of suggestions and opportunities, with the permitted actors.

use salesbook::access::Role;
use serde_json::json;

use crate::machines::tables::{Action, Again, MANAGE, Machine, reason};

const GROW: &[Role] = &[Role::Admin, Role::SalesDirector, Role::SalesManager, Role::Salesperson];

/// Suggestions: new → noted → adopted or declined. A decision is final.
pub const SUGGESTIONS: Machine = Machine {
    path: "suggestions",
    type_: "suggestion",
    personal: false,
    actions: &[
        Action {
            name: "answer",
            body: Some(|| json!({ "decision": "noted" })),
            again: Again::ByStatus,
            table: &[
                ("new", MANAGE, Some("noted")),
                ("noted", MANAGE, None),
                ("adopted", MANAGE, None),
                ("declined", MANAGE, None),
            ],
        },
        Action {
            name: "answer",
            body: Some(|| json!({ "decision": "adopted", "answer": "明年推出" })),
            again: Again::ByStatus,
            table: &[
                ("new", MANAGE, Some("adopted")),
                ("noted", MANAGE, Some("adopted")),
                ("adopted", MANAGE, None),
                ("declined", MANAGE, None),
            ],
        },
        Action {
            name: "answer",
            body: Some(|| json!({ "decision": "declined", "answer": "成本太高" })),
            again: Again::ByStatus,
            table: &[
                ("new", MANAGE, Some("declined")),
                ("noted", MANAGE, Some("declined")),
                ("adopted", MANAGE, None),
                ("declined", MANAGE, None),
            ],
        },
    ],
};

/// Opportunities: open → won, lost or dropped.
pub const OPPORTUNITIES: Machine = Machine {
    path: "opportunities",
    type_: "opportunity",
    personal: false,
    actions: &[
        Action {
            name: "PATCH",
            body: Some(|| json!({ "next_step": "报价" })),
            again: Again::Nothing,
            table: &[
                ("open", GROW, Some("open")),
                ("won", GROW, None),
                ("lost", GROW, None),
                ("dropped", GROW, None),
            ],
        },
        Action {
            name: "win",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("open", GROW, Some("won")),
                ("won", GROW, None),
                ("lost", GROW, None),
                ("dropped", GROW, None),
            ],
        },
        Action {
            name: "lose",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("open", GROW, Some("lost")),
                ("won", GROW, None),
                ("lost", GROW, None),
                ("dropped", GROW, None),
            ],
        },
        Action {
            name: "drop",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("open", GROW, Some("dropped")),
                ("won", GROW, None),
                ("lost", GROW, None),
                ("dropped", GROW, None),
            ],
        },
    ],
};
