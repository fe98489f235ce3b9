//! Rules for batches of complaints: unique values, fields that change together, and the clock that
//! follows from a reported status.

use intake::Unique;
use platform::Timestamp;

use super::{Complaint, ComplaintStatus};

pub(super) const UNIQUE: &[Unique<Complaint>] = &[
    Unique {
        pointer: "/number",
        of: |complaint| complaint.source_system.is_some().then(|| complaint.number.clone()),
        holders: "select id, number as value from complaints \
            where source_system = $2 and number = any($1)",
        release: "update complaints set number = id::text where id = any($1)",
    },
    Unique {
        pointer: "/filed_no",
        of: |complaint| complaint.settlement.filed_no.clone(),
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

impl Complaint {
    /// Brings the clock in line with the status. Times that were not reported are set to now, or to
    /// the end of the complaint.
    pub(super) fn settle_clock(&mut self, now: Timestamp) {
        use ComplaintStatus as Is;
        let clock = &mut self.clock;
        let waits = self.status == Is::PendingCustomer;
        match (waits, clock.paused_since) {
            (true, None) => clock.pause(now),
            (false, Some(_)) => clock.go_on(now),
            _ => {}
        }

        match self.status {
            Is::Resolved | Is::Closed => {
                let then = *clock.resolved_at.get_or_insert(clock.closed_at.unwrap_or(now));
                clock.ended_at = Some(then);
                if self.status == Is::Closed {
                    clock.closed_at.get_or_insert(then);
                }
            }
            Is::Rejected | Is::Withdrawn => {
                clock.ended_at.get_or_insert(now);
            }
            _ => (clock.ended_at, clock.resolved_at, clock.closed_at) = (None, None, None),
        }

        if !matches!(self.status, Is::Registered | Is::Withdrawn) {
            let then = clock.ended_at.unwrap_or(now);
            clock.first_response_at.get_or_insert(then);
        }
    }
}
