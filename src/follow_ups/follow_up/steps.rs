//! Actions on a follow-up, and the people who may take them.

use access::Caller;
use attachments::attachment::attach;
use platform::{Error, Fault, IfSent, Reason, Result, Tx};
use uuid::Uuid;

use super::{FollowUp, FollowUpExtension, FollowUpReport, FollowUpStatus};

/// Actions on a follow-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowUpAction {
    Accept,
    Start,
    Submit,
    Extend,
    Return,
    Complete,
    Cancel,
}

impl FollowUpStatus {
    /// Returns the status after an action: assigned → accepted → in progress → submitted → done. A
    /// returned follow-up is started again.
    pub fn after(self, action: FollowUpAction) -> Result<Self> {
        use FollowUpAction::{Accept, Cancel, Complete, Extend, Return, Start, Submit};
        Ok(match (self, action) {
            (Self::Assigned, Accept) => Self::Accepted,
            (Self::Accepted | Self::Returned, Start) => Self::InProgress,
            (Self::InProgress, Submit) => Self::Submitted,
            (Self::Submitted, Return) => Self::Returned,
            (Self::Submitted, Complete) => Self::Done,
            (Self::Assigned | Self::Accepted | Self::InProgress | Self::Returned, Extend) => self,
            (
                Self::Assigned
                | Self::Accepted
                | Self::InProgress
                | Self::Submitted
                | Self::Returned,
                Cancel,
            ) => Self::Cancelled,
            _ => {
                let detail = "The follow-up is `{}`, which does not allow this action.";
                return Err(Error::wrong_status(self.as_str(), detail));
            }
        })
    }
}

/// An action with its request.
pub enum Step<'a> {
    Accept,
    Start,
    Submit(&'a FollowUpReport),
    Return(&'a Reason),
    Complete,
    Extend(&'a FollowUpExtension),
    Cancel(&'a Reason),
}

impl Step<'_> {
    fn action(&self) -> FollowUpAction {
        match self {
            Self::Accept => FollowUpAction::Accept,
            Self::Start => FollowUpAction::Start,
            Self::Submit(_) => FollowUpAction::Submit,
            Self::Return(_) => FollowUpAction::Return,
            Self::Complete => FollowUpAction::Complete,
            Self::Extend(_) => FollowUpAction::Extend,
            Self::Cancel(_) => FollowUpAction::Cancel,
        }
    }
}

impl FollowUp {
    /// Takes an action of the state machine on a follow-up.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        step: Step<'_>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller, step.action())?;
        let status = before.status.after(step.action())?;
        let mut after = Self { status, ..before.clone() };

        match step {
            Step::Accept | Step::Start => {}
            Step::Submit(report) => {
                let files = &report.attachment_ids;
                attach(tx, caller, files, ("follow_up", id), "/attachment_ids").await?;
                after.result = Some(report.result.clone());
                after.submitted_at = Some(tx.now);
                let more = files.iter().filter(|id| !before.attachment_ids.contains(id));
                after.attachment_ids.extend(more);
            }
            Step::Return(why) => {
                after.ended_at = None;
                after.reason = Some(why.reason.clone());
            }
            Step::Complete => after.ended_at = Some(tx.now),
            Step::Extend(extension) => {
                if before.extended_from.is_some() {
                    let detail =
                        "The follow-up has already been extended. It can be extended only once.";
                    return Err(Error::conflict("already_extended", detail));
                }
                if extension.due_at <= before.due_at.max(tx.now) {
                    let why = "must be in the future and later than the current `due_at`";
                    return Err(Error::invalid(vec![Fault::new("/due_at", "range", why)]));
                }
                after.due_at = extension.due_at;
                after.extended_from = Some(before.due_at);
                after.reason = Some(extension.reason.clone());
            }
            Step::Cancel(why) => {
                after.ended_at = Some(tx.now);
                after.reason = Some(why.reason.clone());
            }
        }

        before.save(tx, after).await
    }

    /// Checks that the caller may do this. The assignee carries the follow-up out; the person who
    /// assigned it, or someone who leads the assignee, judges the result.
    fn check_hand(&self, caller: &Caller, action: FollowUpAction) -> Result<()> {
        use FollowUpAction::{Accept, Cancel, Complete, Extend, Return, Start, Submit};
        let (me, mine) = (caller.id(), self.assignee_id == caller.id());
        let leads = !mine && caller.reach().is_none_or(|reach| reach.contains(&self.assignee_id));
        let allowed = match action {
            Accept | Start | Submit | Extend => mine,
            Return | Complete | Cancel => self.assigned_by == me || leads,
        };

        if allowed {
            return Ok(());
        }
        let detail = match action {
            Accept | Start | Submit | Extend => "Only the assignee can do this.",
            Return | Complete | Cancel => {
                "Only the person who assigned the follow-up or leads the assignee can do this."
            }
        };
        Err(Error::forbidden_because("not_your_follow_up", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use FollowUpAction::{Accept, Cancel, Complete, Extend, Return, Start, Submit};
        use FollowUpStatus::{
            Accepted, Assigned, Cancelled, Done, InProgress, Returned, Submitted,
        };
        let edges = [
            (Assigned, Accept, Accepted),
            (Assigned, Extend, Assigned),
            (Assigned, Cancel, Cancelled),
            (Accepted, Start, InProgress),
            (Accepted, Extend, Accepted),
            (Accepted, Cancel, Cancelled),
            (InProgress, Submit, Submitted),
            (InProgress, Extend, InProgress),
            (InProgress, Cancel, Cancelled),
            (Submitted, Return, Returned),
            (Submitted, Complete, Done),
            (Submitted, Cancel, Cancelled),
            (Returned, Start, InProgress),
            (Returned, Extend, Returned),
            (Returned, Cancel, Cancelled),
        ];
        let statuses = [Assigned, Accepted, InProgress, Submitted, Returned, Done, Cancelled];
        for status in statuses {
            for action in [Accept, Start, Submit, Extend, Return, Complete, Cancel] {
                let expected = edges.iter().find(|it| (it.0, it.1) == (status, action));
                let after = status.after(action);
                let after = after.as_ref().map(|it| *it).map_err(Error::code);
                let expected = expected.map_or(Err("wrong_status"), |it| Ok(it.2));
                assert_eq!(after, expected, "{status:?} {action:?}");
            }
        }
    }
}
