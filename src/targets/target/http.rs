//! HTTP operations on targets.

use access::Can;
use intake::Body;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Write,
};
use uuid::Uuid;

use super::batch::TargetBatch;
use super::decompose::{Decomposition, TargetParts};
use super::{Approval, NewTarget, Target, TargetChanges, TargetFilter, TargetPage};
use crate::{ApproveTargets, ImportTargets, ReadTargets, WriteTargets};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_targets,
        create_target,
        import_targets,
        read_target,
        update_target,
        delete_target,
        approve_target,
        close_target,
        decompose_target,
        list_target_history,
    );
}

access::list! {
    /// List targets
    ///
    /// Lists your own targets and those of your people and teams, of the customers visible to you, and
    /// of the company. Use `parent_id` to list the parts of a target.
    list_targets: "/targets", ReadTargets, Target by TargetFilter -> TargetPage, "A page of targets"
}

access::create! {
    /// Draft a target
    ///
    /// Salespeople draft their own targets, managers those of their people, teams and customers, sales
    /// directors and the back office all; otherwise 403 `not_your_target`. There is one target per
    /// owner, metric, level, dimension and period. A part must be within the period of its parent and
    /// have the same metric, level and currency. A gross margin requires permission to see costs (403
    /// `forbidden_field`).
    create_target: "/targets", WriteTargets, Body<NewTarget> -> Target, "The new draft",
    403: "`foreign_source_system`",
    409: "`duplicate`"
}

intake::import! {
    /// Import targets from an ERP
    ///
    /// Creates new targets, updates those that differ and leaves the others unchanged. Parents and
    /// parts may come in any order. The default status is `approved`. The sums of the parts are not
    /// checked.
    import_targets: "/targets/batch", ImportTargets, Target from TargetBatch
}

access::read! {
    /// Read a target
    ///
    /// The current actual is in the reports; that of a closed target is also in `closed_actual`.
    read_target: "/targets/{id}", ReadTargets -> Target, "The target"
}

access::update! {
    /// Update a target
    ///
    /// A draft can change completely, by any user who may draft it. In an approved target only the
    /// value can change, with a reason, by users who may approve targets, but not by its owner. Both it
    /// and the target that it is a part of must stay fully allocated, otherwise 409
    /// `target_under_allocated`. A closed target cannot change: 409 `target_closed`.
    update_target: "/targets/{id}", WriteTargets, Body<TargetChanges> -> Target, "The target",
    403: "`forbidden_field`, `not_your_target`, `self_approval`",
    409: "`duplicate`, `target_approved`, `target_has_parts`, `wrong_status`"
}

access::delete! {
    /// Delete a draft
    ///
    /// Any user who may draft the target can delete it. A draft with parts cannot be deleted (409
    /// `still_referenced`), nor one without which an approved target would not be fully allocated (409
    /// `target_under_allocated`).
    delete_target: "/targets/{id}", WriteTargets, Target, "The draft was deleted",
    403: "`not_your_target`",
    409: "`target_closed`, `wrong_status`"
}

access::action! {
    /// Approve a target
    ///
    /// Sales directors can approve a target, and managers who lead its owner. Its author and its owner
    /// cannot, not even as admins: 403 `self_approval`. If the target has parts they must add up to it,
    /// otherwise 409 `target_under_allocated` with `allocated` and `required`. Send `force` to approve
    /// it anyway.
    approve_target: "/targets/{id}/approve", ApproveTargets, approval: Json<Approval>
    -> Target by approve(&approval),
    "The approved target",
    403: "`not_your_target`",
    409: "`target_closed`, `wrong_status`",
    422: "`no_exchange_rate`"
}

access::action! {
    /// Close a target
    ///
    /// The period of the target must be over, and so must be the working days for late documents
    /// (`close_on_working_day`), otherwise 409 `period_not_over`. The actual is recorded in
    /// `closed_actual` and no longer changes. Sales directors can close a target, and managers who lead
    /// its owner.
    close_target: "/targets/{id}/close", ApproveTargets -> Target by close(),
    "The closed target",
    403: "`field_not_readable`, `not_your_target`",
    409: "`target_closed`, `wrong_status`",
    422: "`invalid`, `metric_not_available`"
}

/// Break a target down
///
/// 分解: creates drafts for the quarters, months, weeks or days of the target, by working days,
/// equally or by weights. Their values add up exactly to that of the target. A week that an end of
/// the period cuts short is custom. A target can be broken down only once, otherwise 409
/// `target_has_parts`. Any user who may draft the target can do this.
#[utoipa::path(
    post, path = "/targets/{id}/decompose",
    request_body = Decomposition,
    responses(
        (status = 200, description = "The parts of the target", body = TargetParts),
        (status = 403, description = "`not_your_target`"),
        (status = 409, description = "`target_closed`, `wrong_status`"),
        Problems,
    ),
)]
async fn decompose_target(
    caller: Can<WriteTargets>,
    id: Path<Uuid>,
    based_on: IfSent,
    how: Json<Decomposition>,
    write: Write,
) -> Result<Reply> {
    let parts = async move |tx: &mut _| Target::decompose(tx, &caller, *id, based_on, &how).await;
    write.run(async move |tx| Reply::json(&parts(tx).await?)).await
}

/// List the history of a target
///
/// Changes, approval and closing with their reasons, latest first.
#[utoipa::path(
    get, path = "/targets/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_target_history(
    caller: Can<ReadTargets>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let target = Target::find(&mut conn, &caller, *id).await?;
    let history = changes::history(&mut conn, &target, &list).await?;
    Ok(target.shown_history(&caller, history))
}
