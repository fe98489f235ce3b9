//! State machines of invoices, payments, promises, collection tasks, risk cases and write-offs,
//! with the permitted actors.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::machines::tables::{Action, Again, Machine, reason};
use crate::receivables::{send, service};
use crate::support::harness::Service;

const BOOK: &[Role] = &[Role::Admin, Role::Finance];
const COLLECT: &[Role] = &[
    Role::Admin,
    Role::SalesDirector,
    Role::SalesManager,
    Role::Salesperson,
    Role::BackOffice,
    Role::Finance,
    Role::CreditController,
];
const ASK: &[Role] =
    &[Role::Admin, Role::SalesDirector, Role::SalesManager, Role::Finance, Role::CreditController];
const DECIDE: &[Role] = &[Role::Admin, Role::GeneralManager, Role::SalesDirector, Role::Finance];

fn note() -> Value {
    json!({ "note": "x" })
}

/// Invoices: a draft is posted or cancelled. A posted invoice keeps its amount, and only an ERP can
/// cancel it.
pub const INVOICES: Machine = Machine {
    path: "invoices",
    type_: "invoice",
    personal: false,
    actions: &[
        Action {
            name: "PATCH",
            body: Some(|| json!({ "disputed": true })),
            again: Again::Nothing,
            table: &[
                ("draft", BOOK, Some("draft")),
                ("posted", BOOK, Some("posted")),
                ("cancelled", BOOK, None),
            ],
        },
        Action {
            name: "PATCH amount",
            body: Some(|| json!({ "amount": "12" })),
            again: Again::Nothing,
            table: &[
                ("draft", BOOK, Some("draft")),
                ("posted", BOOK, None),
                ("cancelled", BOOK, None),
            ],
        },
        Action {
            name: "post",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("draft", BOOK, Some("posted")),
                ("posted", BOOK, None),
                ("cancelled", BOOK, None),
            ],
        },
        Action {
            name: "cancel",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[
                ("draft", BOOK, Some("cancelled")),
                ("posted", BOOK, None),
                ("cancelled", BOOK, None),
            ],
        },
    ],
};

/// Payments: allocated, and reversed finally.
pub const PAYMENTS: Machine = Machine {
    path: "payments",
    type_: "payment",
    personal: false,
    actions: &[
        Action {
            name: "allocate",
            body: Some(|| json!({ "oldest_first": true })),
            again: Again::Nothing,
            table: &[("received", BOOK, Some("received")), ("reversed", BOOK, None)],
        },
        Action {
            name: "reverse",
            body: Some(reason),
            again: Again::ByStatus,
            table: &[("received", BOOK, Some("reversed")), ("reversed", BOOK, None)],
        },
    ],
};

/// Promises: a job marks them as kept or broken; an open one can be cancelled.
pub const PROMISES: Machine = Machine {
    path: "promises",
    type_: "promise",
    personal: false,
    actions: &[Action {
        name: "withdraw",
        body: None,
        again: Again::ByStatus,
        table: &[
            ("open", COLLECT, Some("withdrawn")),
            ("kept", COLLECT, None),
            ("broken", COLLECT, None),
            ("withdrawn", COLLECT, None),
        ],
    }],
};

/// Collection tasks: an outcome ends a task once; a job cancels it.
pub const COLLECTION_TASKS: Machine = Machine {
    path: "collection-tasks",
    type_: "collection_task",
    personal: false,
    actions: &[Action {
        name: "result",
        body: Some(|| json!({ "channel": "phone", "result": "refused" })),
        again: Again::ByStatus,
        table: &[
            ("open", COLLECT, Some("done")),
            ("done", COLLECT, None),
            ("cancelled", COLLECT, None),
        ],
    }],
};

/// Risk cases: open → measures → recovered or written off. The cases here may be written off.
pub const RISK_CASES: Machine = Machine {
    path: "risk-cases",
    type_: "risk_case",
    personal: false,
    actions: &[
        Action {
            name: "measures",
            body: Some(|| json!({ "measure": "legal" })),
            again: Again::Anew,
            table: &[
                ("open", ASK, Some("measures")),
                ("measures", ASK, Some("measures")),
                ("recovered", ASK, None),
                ("written_off", ASK, None),
            ],
        },
        Action {
            name: "recover",
            body: Some(|| json!({ "amount": "5" })),
            again: Again::ByStatus,
            table: &[
                ("open", ASK, None),
                ("measures", ASK, Some("recovered")),
                ("recovered", ASK, None),
                ("written_off", ASK, None),
            ],
        },
        Action {
            name: "write-off",
            body: None,
            again: Again::ByStatus,
            table: &[
                ("open", ASK, None),
                ("measures", ASK, Some("written_off")),
                ("recovered", ASK, None),
                ("written_off", ASK, None),
            ],
        },
    ],
};

/// Write-offs: requested by one user, decided by another.
pub const WRITE_OFFS: Machine = Machine {
    path: "write-off-requests",
    type_: "write_off_request",
    personal: false,
    actions: &[
        Action {
            name: "approve",
            body: Some(note),
            again: Again::ByStatus,
            table: &[
                ("requested", DECIDE, Some("approved")),
                ("approved", DECIDE, None),
                ("rejected", DECIDE, None),
                ("withdrawn", DECIDE, None),
            ],
        },
        Action {
            name: "reject",
            body: Some(note),
            again: Again::ByStatus,
            table: &[
                ("requested", DECIDE, Some("rejected")),
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
                ("requested", ASK, Some("withdrawn")),
                ("approved", ASK, None),
                ("rejected", ASK, None),
                ("withdrawn", ASK, None),
            ],
        },
    ],
};

/// Requesters cannot decide on their own requests, whatever roles they have.
#[actix_web::test]
async fn nobody_gives_up_a_debt_alone() {
    let service = service().await;
    let invoice = owed(&service).await;
    let mut tried = 0;
    for role in DECIDE {
        for other in ASK {
            let both = service.person(&[*role, *other]).await;
            let new = json!({ "invoice_id": invoice, "amount": "1", "reason": "x" });
            let asked = both.post("/api/v1/write-off-requests", new).await.expect(201);
            let path = format!("/api/v1/write-off-requests/{}", asked["id"].as_str().unwrap());
            for step in ["approve", "reject"] {
                let told = both.post(&format!("{path}/{step}"), note()).await.expect(403);
                assert_eq!(told["code"], "self_approval", "{role:?} and {other:?} {step}");
                tried += 1;
            }
            let now = both.get(&path).await.expect(200);
            assert_eq!((&now["status"], &now["version"]), (&json!("requested"), &json!(1)));
        }
    }
    assert_eq!(service.count("allocations").await, 0, "nothing was given up");
    println!("{tried} decisions about what one asked for");
}

/// Creates an invoice of 100.
async fn owed(service: &Service) -> Value {
    let erp = service.actor(Role::Erp).await;
    send(&erp, "customers", json!([{ "external_id": "C", "name": "C" }])).await;
    let item = json!({ "external_id": "A", "customer_external_id": "C", "amount": "100",
        "invoice_date": "2026-06-02" });
    send(&erp, "invoices", json!([item])).await["results"][0]["id"].clone()
}
