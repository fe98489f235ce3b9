//! The state machines of visits and follow-ups, written independently of the service.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::machines::tables::{APPROVE, Action, Again, DRAFT, MANAGE, Machine, reason};

/// The owner of the visit or the assignee of the follow-up.
const OWNER: &[Role] = &[Role::Salesperson];

/// A check-in in the afternoon of the previous day, for which the missed visit was planned.
fn check_in() -> Value {
    json!({ "occurred_at": "2026-11-19T06:00:00Z", "latitude": 31.5, "longitude": 121.47 })
}

fn told() -> Value {
    json!({ "outcome": "informed", "complaint_answer": false })
}

fn check_out() -> Value {
    let mut body = json!({ "occurred_at": "2026-11-20T04:00:00Z" });
    body.as_object_mut().unwrap().extend(told().as_object().unwrap().clone());
    body
}

/// Visits. Here `completed` means that an exception waits for approval, and `unreported` means a
/// completed visit without an outcome.
pub const VISITS: Machine = Machine {
    path: "visits",
    type_: "visit",
    personal: true,
    actions: &[
        Action {
            name: "PATCH",
            body: Some(|| json!({ "purpose": "收款" })),
            again: Again::Nothing,
            table: &[
                ("planned", DRAFT, Some("planned")),
                ("in_progress", DRAFT, None),
                ("completed", DRAFT, None),
                ("unreported", DRAFT, None),
                ("cancelled", DRAFT, None),
                ("missed", DRAFT, None),
                ("abandoned", DRAFT, None),
            ],
        },
        Action {
            name: "reschedule",
            body: Some(|| json!({ "planned_date": "2026-11-25", "reason": "because" })),
            again: Again::Nothing,
            table: &[
                ("planned", DRAFT, Some("planned")),
                ("in_progress", DRAFT, None),
                ("completed", DRAFT, None),
                ("unreported", DRAFT, None),
                ("cancelled", DRAFT, None),
                ("missed", DRAFT, None),
                ("abandoned", DRAFT, None),
            ],
        },
        Action {
            name: "cancel",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("planned", DRAFT, Some("cancelled")),
                ("in_progress", DRAFT, None),
                ("completed", DRAFT, None),
                ("unreported", DRAFT, None),
                ("cancelled", DRAFT, None),
                ("missed", DRAFT, None),
                ("abandoned", DRAFT, None),
            ],
        },
        Action {
            name: "check-in",
            body: Some(check_in),
            again: Again::ByStatus,
            table: &[
                ("planned", OWNER, Some("in_progress")),
                ("in_progress", OWNER, None),
                ("completed", OWNER, None),
                ("unreported", OWNER, None),
                ("cancelled", OWNER, None),
                ("missed", OWNER, Some("in_progress")),
                ("abandoned", OWNER, None),
            ],
        },
        Action {
            name: "check-out",
            body: Some(check_out),
            again: Again::ByStatus,
            table: &[
                ("planned", OWNER, None),
                ("in_progress", OWNER, Some("completed")),
                ("completed", OWNER, None),
                ("unreported", OWNER, None),
                ("cancelled", OWNER, None),
                ("missed", OWNER, None),
                ("abandoned", OWNER, None),
            ],
        },
        Action {
            name: "abandon",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("planned", OWNER, None),
                ("in_progress", OWNER, Some("abandoned")),
                ("completed", OWNER, None),
                ("unreported", OWNER, None),
                ("cancelled", OWNER, None),
                ("missed", OWNER, None),
                ("abandoned", OWNER, None),
            ],
        },
        Action {
            name: "explain",
            body: Some(reason),
            again: Again::Refused,
            table: &[
                ("planned", OWNER, None),
                ("in_progress", OWNER, None),
                ("completed", OWNER, None),
                ("unreported", OWNER, None),
                ("cancelled", OWNER, None),
                ("missed", OWNER, Some("missed")),
                ("abandoned", OWNER, None),
            ],
        },
        Action {
            name: "outcome",
            body: Some(told),
            again: Again::Nothing,
            table: &[
                ("planned", OWNER, None),
                ("in_progress", OWNER, Some("in_progress")),
                ("completed", OWNER, None),
                ("unreported", OWNER, Some("completed")),
                ("cancelled", OWNER, None),
                ("missed", OWNER, None),
                ("abandoned", OWNER, None),
            ],
        },
        Action {
            name: "approve-exception",
            body: Some(reason),
            again: Again::Refused,
            table: &[
                ("planned", APPROVE, None),
                ("in_progress", APPROVE, None),
                ("completed", APPROVE, Some("completed")),
                ("unreported", APPROVE, None),
                ("cancelled", APPROVE, None),
                ("missed", APPROVE, None),
                ("abandoned", APPROVE, None),
            ],
        },
    ],
};

/// Follow-ups: assigned → accepted → in progress → submitted → done, or returned. They can be
/// extended once while they are open, and cancelled until they are done.
pub const FOLLOW_UPS: Machine = Machine {
    path: "follow-ups",
    type_: "follow_up",
    personal: true,
    actions: &[
        Action {
            name: "accept",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("assigned", OWNER, Some("accepted")),
                ("accepted", OWNER, None),
                ("in_progress", OWNER, None),
                ("submitted", OWNER, None),
                ("returned", OWNER, None),
                ("done", OWNER, None),
                ("cancelled", OWNER, None),
            ],
        },
        Action {
            name: "start",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("assigned", OWNER, None),
                ("accepted", OWNER, Some("in_progress")),
                ("in_progress", OWNER, None),
                ("submitted", OWNER, None),
                ("returned", OWNER, Some("in_progress")),
                ("done", OWNER, None),
                ("cancelled", OWNER, None),
            ],
        },
        Action {
            name: "submit",
            body: Some(|| json!({ "result": "样品合格" })),
            again: Again::ByStatus,
            table: &[
                ("assigned", OWNER, None),
                ("accepted", OWNER, None),
                ("in_progress", OWNER, Some("submitted")),
                ("submitted", OWNER, None),
                ("returned", OWNER, None),
                ("done", OWNER, None),
                ("cancelled", OWNER, None),
            ],
        },
        Action {
            name: "extend",
            body: Some(|| json!({ "due_at": "2026-12-24T04:00:00Z", "reason": "because" })),
            again: Again::Refused,
            table: &[
                ("assigned", OWNER, Some("assigned")),
                ("accepted", OWNER, Some("accepted")),
                ("in_progress", OWNER, Some("in_progress")),
                ("submitted", OWNER, None),
                ("returned", OWNER, Some("returned")),
                ("done", OWNER, None),
                ("cancelled", OWNER, None),
            ],
        },
        Action {
            name: "return",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("assigned", MANAGE, None),
                ("accepted", MANAGE, None),
                ("in_progress", MANAGE, None),
                ("submitted", MANAGE, Some("returned")),
                ("returned", MANAGE, None),
                ("done", MANAGE, None),
                ("cancelled", MANAGE, None),
            ],
        },
        Action {
            name: "complete",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("assigned", MANAGE, None),
                ("accepted", MANAGE, None),
                ("in_progress", MANAGE, None),
                ("submitted", MANAGE, Some("done")),
                ("returned", MANAGE, None),
                ("done", MANAGE, None),
                ("cancelled", MANAGE, None),
            ],
        },
        Action {
            name: "cancel",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("assigned", MANAGE, Some("cancelled")),
                ("accepted", MANAGE, Some("cancelled")),
                ("in_progress", MANAGE, Some("cancelled")),
                ("submitted", MANAGE, Some("cancelled")),
                ("returned", MANAGE, Some("cancelled")),
                ("done", MANAGE, None),
                ("cancelled", MANAGE, None),
            ],
        },
    ],
};
