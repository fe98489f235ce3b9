//! The operations on collection tasks.

use access::Can;
use platform::{
    Db, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Write,
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

access::list! {
    /// List collection tasks
    ///
    /// Returns the tasks assigned to you and those of your customers. Managers also see those of their
    /// teams, finance sees all.
    list_collection_tasks: "/collection-tasks", ReadCollections, CollectionTask by CollectionTaskFilter -> CollectionTaskPage,
    "A page of tasks"
}

access::read! {
    /// Read a collection task
    ///
    /// Returns a task, with its result once it is done.
    read_collection_task: "/collection-tasks/{id}", ReadCollections -> CollectionTask, "The task"
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

access::history! {
    /// List the history of a collection task
    ///
    /// Returns the changes, the latest first.
    list_collection_history: "/collection-tasks/{id}/history", ReadCollections, CollectionTask
}
