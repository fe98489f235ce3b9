//! The operations on collection tasks.

use access::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged,
    Write,
};
use uuid::Uuid;

use super::{CollectionOutcome, CollectionTask, CollectionTaskFilter, CollectionTaskPage};
use crate::{ReadCollections, WriteCollections};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_my_collections,
        list_collection_tasks,
        read_collection_task,
        report_collection_task,
        list_collection_history,
    );
}

/// List your own collection tasks
///
/// Returns your open collection tasks, the earliest due first.
#[utoipa::path(
    get, path = "/me/collections",
    params(PageQuery),
    responses((status = 200, description = "A page of tasks", body = CollectionTaskPage), Problems),
)]
async fn list_my_collections(
    caller: Can<ReadCollections>,
    list: List<NoFilter>,
    db: Db,
) -> Result<CollectionTaskPage> {
    CollectionTask::list_mine(&mut *db.conn().await?, &caller, &list).await
}

/// List collection tasks
///
/// Returns the tasks assigned to you and those of your customers. Managers also see those of their
/// teams, finance sees all.
#[utoipa::path(
    get, path = "/collection-tasks",
    params(CollectionTaskFilter, PageQuery),
    responses((status = 200, description = "A page of tasks", body = CollectionTaskPage), Problems),
)]
async fn list_collection_tasks(
    caller: Can<ReadCollections>,
    list: List<CollectionTaskFilter>,
    db: Db,
) -> Result<CollectionTaskPage> {
    CollectionTask::list(&mut *db.conn().await?, &caller, &list).await
}

/// Read a collection task
///
/// Returns a task, with its result once it is done.
#[utoipa::path(
    get, path = "/collection-tasks/{id}",
    responses((status = 200, description = "The task", body = CollectionTask), Problems),
)]
async fn read_collection_task(
    caller: Can<ReadCollections>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<CollectionTask>> {
    Ok(Tagged(CollectionTask::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Report the result of a collection task
///
/// Completes the task. The result `promised` creates a promise to pay, and the result `disputed`
/// marks the invoice as disputed.
#[utoipa::path(
    post, path = "/collection-tasks/{id}/result",
    request_body = CollectionOutcome,
    responses(
        (status = 200, description = "The task", body = CollectionTask),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn report_collection_task(
    caller: Can<WriteCollections>,
    id: Path<Uuid>,
    based_on: IfSent,
    outcome: Json<CollectionOutcome>,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut _| CollectionTask::report(tx, &caller, *id, based_on, &outcome).await;
    write.update(step).await
}

/// List the history of a collection task
///
/// Returns the changes, the latest first.
#[utoipa::path(
    get, path = "/collection-tasks/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_collection_history(
    caller: Can<ReadCollections>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let task = CollectionTask::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &task, &list).await
}
