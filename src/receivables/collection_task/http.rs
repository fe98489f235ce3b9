//! The operations on collection tasks.

use access::Can;
use platform::{Db, Json, List, NoFilter, PageQuery, Problems, Result, Routes};

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
    list_collection_tasks: "/collection-tasks", ReadCollections, CollectionTask by CollectionTaskFilter
    -> CollectionTaskPage,
    "A page of tasks"
}

access::read! {
    /// Read a collection task
    ///
    /// Returns a task, with its result once it is done.
    read_collection_task: "/collection-tasks/{id}", ReadCollections -> CollectionTask, "The task"
}

access::action! {
    /// Report the result of a collection task
    ///
    /// Completes the task. The result `promised` creates a promise to pay, and the result `disputed`
    /// marks the invoice as disputed.
    report_collection_task: "/collection-tasks/{id}/result", WriteCollections, outcome: Json<CollectionOutcome>
    -> CollectionTask by report(&outcome),
    "The task",
    409: "`wrong_status`"
}

access::history! {
    /// List the history of a collection task
    ///
    /// Returns the changes, the latest first.
    list_collection_history: "/collection-tasks/{id}/history", ReadCollections, CollectionTask
}
