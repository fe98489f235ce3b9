//! The command line: `serve`, `migrate`, `openapi`.

use std::path::PathBuf;

use actix_web::HttpServer;
use private_pg::{Options, Server};
use salesbook::app::{self, Service};
use salesbook::document;
use salesbook::platform::{Clock, Db};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("openapi") => println!("{}", document::openapi().to_pretty_json()?),
        Some("migrate") => app::migrate(&std::env::var("DATABASE_URL")?).await?,
        Some("serve") => serve().await?,
        _ => eprintln!("usage: salesbook serve | migrate | openapi"),
    }
    Ok(())
}

/// Connections of each worker; PostgreSQL allows 100 in all unless told. A connection lives on the
/// thread that opened it: with a pool of its own no worker waits for another to read an answer.
const PER_WORKER: usize = 8;
const IN_ALL: usize = 80;

/// Serves on the database of `DATABASE_URL`, or on a private one in `data/`.
async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (_server, url) = if let Ok(url) = std::env::var("DATABASE_URL") {
        (None, url)
    } else {
        let (folder, settings) = (PathBuf::from("data"), vec![]);
        let server =
            Server::start(&Options { folder, durable: true, die_with_parent: true, settings })?;
        let url = server.url("postgres");
        (Some(server), url)
    };
    app::migrate(&url).await?;
    let service = Service::start(Db::new(&url, 4), Clock::default()).await?;
    tokio::spawn(service.directory.clone().watch());
    let workers = std::thread::available_parallelism()?.get();
    let size = (IN_ALL / workers).clamp(1, PER_WORKER);
    let server = HttpServer::new(move || service.on(Db::new(&url, size)).app()).workers(workers);
    Ok(server.bind(("127.0.0.1", 8080))?.run().await?)
}
