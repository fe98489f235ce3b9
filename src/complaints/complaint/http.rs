//! The operations on complaints. The actions that move a complaint on are in `http_actions.rs` and
//! `http_settlement.rs`.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged, Write,
};
use uuid::Uuid;

use super::batch::ComplaintBatch;
use super::{
    Complaint, ComplaintChanges, ComplaintFilter, ComplaintPage, NewComplaint, NewVisitComplaint,
};
use crate::{ImportComplaints, ReadComplaints, WriteComplaints};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_complaints,
        create_complaint,
        create_complaint_on_visit,
        import_complaints,
        read_complaint,
        update_complaint,
        list_complaint_history,
    );
}

/// List complaints
///
/// Returns the complaints owned or registered by you or people visible to you, and those of your
/// customers. Users with role `quality` also see the complaints that were dispatched to the quality
/// department. Breaches are shown as of now.
#[utoipa::path(
    get, path = "/complaints",
    params(ComplaintFilter, PageQuery),
    responses((status = 200, description = "A page of complaints", body = ComplaintPage), Problems),
)]
async fn list_complaints(
    caller: Can<ReadComplaints>,
    list: List<ComplaintFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<ComplaintPage> {
    Complaint::list(&mut *db.conn().await?, &caller, &list, clock.now()).await
}

access::create! {
    /// Register a complaint
    ///
    /// Registers a complaint from the field or the office.
    ///
    /// The terms start at `occurred_at` if that is at most 24 hours ago, otherwise now. The first
    /// response is due within 24, 12 or 2 hours by severity, or half of that for customers of tier A;
    /// the resolution within 3 working days, 5 working days or 24 hours.
    ///
    /// A complaint repeats an earlier one (再次追诉) if the customer complained about the same category
    /// or product and that complaint was closed within `complaint_repeat_days`. It is linked to the
    /// earlier one and becomes one step more severe.
    ///
    /// A product that was never sold to the customer is flagged as `product_not_sold`, not refused.
    ///
    /// Send `resolved` to settle the complaint on the spot (当场处理); only sales roles can do this. A
    /// compensation above the authority of the role is refused as 422 `authority_exceeded` with the
    /// `limit`. The complaint must be filed by the end of the next working day.
    create_complaint: "/complaints", WriteComplaints, Body<NewComplaint>
    -> Complaint, "The new complaint",
    403: "`foreign_source_system`",
    409: "`customer_merged`, `duplicate`",
    422: "`no_exchange_rate`, `owner_is_subject`"
}

/// Register a complaint from a visit
///
/// Registers a complaint that was made during a visit. Customer, visit and channel are taken from
/// the visit, which must be visible to you. The visit's `complaint_answer` becomes `true` if it has
/// no answer yet and the visit is in progress or completed. All other rules for new complaints
/// apply.
#[utoipa::path(
    post, path = "/visits/{id}/complaints",
    request_body = NewVisitComplaint,
    responses(
        (status = 201, description = "The new complaint", body = Complaint),
        (status = 403, description = "`foreign_source_system`"),
        (status = 409, description = "`customer_merged`, `duplicate`, `wrong_status`"),
        (status = 422, description = "`authority_exceeded`, `no_exchange_rate`, \
            `owner_is_subject`"),
        Problems,
    ),
)]
async fn create_complaint_on_visit(
    caller: Can<WriteComplaints>,
    id: Path<Uuid>,
    new: Body<NewVisitComplaint>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Complaint::create_on_visit(tx, &caller, *id, &new).await).await
}

intake::import! {
    /// Import complaints from another system
    ///
    /// Creates and updates complaints as the other system reports them. Default of `status`:
    /// `registered`. The state machine, authorities and filing are not checked, and repeats are not
    /// detected.
    import_complaints: "/complaints/batch", ImportComplaints, Complaint from ComplaintBatch
}

/// Read a complaint
///
/// Returns the complaint with its due times, its settlement and its proposals.
#[utoipa::path(
    get, path = "/complaints/{id}",
    responses((status = 200, description = "The complaint", body = Complaint), Problems),
)]
async fn read_complaint(
    caller: Can<ReadComplaints>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<Tagged<Complaint>> {
    Ok(Tagged(Complaint::find(&mut *db.conn().await?, &caller, *id, clock.now()).await?))
}

access::update! {
    /// Update a complaint
    ///
    /// Only a complaint that is not settled can be changed, by its reporter, its owner, or users who
    /// accept complaints; others get 403 `not_your_complaint`. Only the latter can change the severity.
    update_complaint: "/complaints/{id}", WriteComplaints, Body<ComplaintChanges>
    -> Complaint, "The complaint",
    403: "`forbidden_field`, `self_approval`",
    409: "`duplicate`, `wrong_status`",
    422: "`owner_is_subject`"
}

/// List the history of a complaint
///
/// Returns the changes of the complaint, latest first: every action with its actor and reason, and
/// every breach of a term.
#[utoipa::path(
    get, path = "/complaints/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_complaint_history(
    caller: Can<ReadComplaints>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let complaint = Complaint::find(&mut conn, &caller, *id, clock.now()).await?;
    changes::history(&mut conn, &complaint, &list).await
}
