//! Worklists 工作台: what there is to do today, for oneself and for those whom one leads, and how far
//! one has got. They read across the domains and write nothing.

pub mod board;
pub mod complaint_tasks;
pub mod scoreboard;
pub mod today;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadToday: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Those who lead people, and the back office for everybody
    ReadBoard: Admin | GeneralManager | SalesDirector | SalesManager | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(today::read_today).service(scoreboard::read_scoreboard).service(board::list_board);
}
