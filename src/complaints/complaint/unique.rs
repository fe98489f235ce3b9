//! Which values only one complaint has, and which fields of a batch's items go together.

use auth::Unique;

use super::Complaint;

pub(super) const UNIQUE: &[Unique<Complaint>] = &[
    Unique {
        pointer: "/number",
        of: |it| it.source_system.is_some().then(|| it.number.clone()),
        holders: "select id, number as value from complaints \
            where source_system = $2 and number = any($1)",
        release: "update complaints set number = id::text where id = any($1)",
    },
    Unique {
        pointer: "/filed_no",
        of: |it| it.settlement.filed_no.clone(),
        holders: "select complaint_id as id, filed_no as value from complaint_settlements \
            where filed_no = any($1)",
        release: "update complaint_settlements set filed_no = null where complaint_id = any($1)",
    },
];

pub(super) const TOGETHER: &[&[&str]] = &[
    &["status", "first_response_at", "interim_at", "resolved_at", "closed_at"],
    &["occurred_at", "received_at"],
    &["compensation_amount", "compensation_currency"],
];
