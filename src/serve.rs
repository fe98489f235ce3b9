//! Running the service: where its data is, how it starts, and how it stops.

use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::http::KeepAlive;
use auth::LoginPolicy;
use platform::{Clock, Db};
use private_pg::{Options, Server};
use sync::webhook::Courier;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

use crate::app::{self, Service, Settings};
use crate::config::{self, Database, LogFormat, Serve};
use crate::operations;
use crate::schedule::JOBS;

/// Why the service does not run, in one line.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connections in all: PostgreSQL allows 100 unless told. A connection lives on the thread that
/// opened it: with a pool of its own no worker waits for another to read an answer.
const IN_ALL: usize = 80;

/// For jobs, the directory and the start.
const OWN_POOL: usize = 4;

/// For what is sent to webhooks.
const COURIER_POOL: usize = 3;

/// How long a start waits for a database that is down.
const PATIENCE: Duration = Duration::from_mins(10);

/// Where the data is: a private server that lives as long as this, or the user's own.
pub struct Home {
    server: Option<Server>,
    pub url: String,
}

impl Home {
    pub fn open(database: &Database) -> Result<Self, Failure> {
        if let Some(file) = &database.database_ca {
            platform::db::trust(file)?;
        }
        if let Some(url) = &database.database_url {
            return Ok(Self { server: None, url: url.clone() });
        }
        let options = Options {
            folder: database.data_dir.clone(),
            durable: true,
            die_with_parent: true,
            settings: vec![],
        };
        let server = Server::start(&options)?;
        let url = server.url("postgres");
        Ok(Self { server: Some(server), url })
    }

    /// Brings the schema up to date; waits for a server of the user's that is down.
    pub async fn migrate(&self) -> Result<(), Failure> {
        let start = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(200);
        loop {
            match app::migrate(&self.url).await {
                Err(error) if error.code() == "unavailable" && start.elapsed() < PATIENCE => {
                    tracing::warn!(cause = %error.cause_text(), "waiting for the database");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                outcome => return outcome.map_err(|error| why(&error)),
            }
        }
    }
}

/// In a terminal the cause says more than the code.
fn why(error: &platform::Error) -> Failure {
    format!("{error} {}", error.cause_text()).into()
}

/// Starts to log, once.
pub fn log(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("log: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Pretty => log.try_init(),
    };
    Ok(())
}

/// Serves until it is told to stop: no new requests then, and time for the running ones to end.
/// `started` is called once the service answers.
pub async fn serve(
    options: Serve,
    started: impl AsyncFnOnce(&str, &Service) -> Result<(), Failure>,
) -> Result<(), Failure> {
    log(&options.log, options.log_format)?;
    // Before anything else: a port in use should not cost the start of a database.
    let listener = TcpListener::bind(&options.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    let home = Home::open(&options.database)?;
    home.migrate().await?;
    let folder = options.database.data_dir.join("attachments");
    let store = options.attachments.as_deref().unwrap_or_else(|| folder.to_str().unwrap_or("."));
    let settings = Settings {
        attachments: attachments::Store::open(store)?,
        secret: options.database.secret.clone(),
        cors_origins: options.cors_origins.clone(),
        trust_proxy: options.trust_proxy,
        webhook_loopback: options.webhook_loopback,
        rate_limit: options.rate_limit,
        login: LoginPolicy {
            second_factor: config::roles(&options.second_factor_roles)?,
            session_days: options.session_days,
        },
    };
    let db = Db::new(&home.url, OWN_POOL);
    let service = Service::start(db, Clock::default(), settings).await.map_err(|it| why(&it))?;
    if let Some(password) = service.first_start(options.admin_password.as_deref()).await? {
        eprintln!("user admin, password {password} (shown this once)");
    }
    service.check_search().await;
    let address = listener.local_addr()?;
    let courier = service.courier(Db::new(&home.url, COURIER_POOL)).map_err(|it| why(&it))?;
    let end = background(&service, courier);
    let workers = options.workers.map_or_else(std::thread::available_parallelism, |n| {
        std::num::NonZero::new(n).ok_or(std::io::ErrorKind::InvalidInput.into())
    })?;
    let size = (IN_ALL / workers.get()).clamp(1, options.pool_size.max(1));
    let (copy, url) = (service.clone(), home.url.clone());
    let server = HttpServer::new(move || copy.on(Db::new(&url, size)).app())
        .workers(workers.get())
        .keep_alive(KeepAlive::Timeout(Duration::from_secs(75)))
        .client_request_timeout(Duration::from_secs(10))
        .client_disconnect_timeout(Duration::from_secs(5))
        .shutdown_timeout(options.shutdown_seconds)
        .disable_signals()
        .listen(listener)?
        .run();
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    let (handle, ending) = (server.handle(), service.ending.clone());
    let running = tokio::spawn(server);
    tokio::spawn(async move {
        let Ok(mut signals) = Signals::listen() else { return };
        let orderly = signals.next().await;
        // Whoever waits for something new gets an answer before the workers wait for the requests.
        ending.begin();
        tokio::spawn(async move {
            signals.next().await;
            // Whoever asks twice does not want to wait for anything; PostgreSQL ends with its parent.
            tracing::warn!("ended at once by a second signal");
            std::process::exit(1);
        });
        handle.stop(orderly).await;
    });
    started(&format!("http://{address}"), &service).await?;
    running.await??;
    end();
    tracing::info!("stopped");
    drop(home.server);
    Ok(())
}

/// The signals to end, SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one; true when running requests may finish, as for SIGTERM.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => false,
        }
    }
}

/// The directory's poller, the jobs, what cleans the store of files and what brings events to
/// webhooks, on a thread of their own: their futures stay where they are, and no busy worker keeps
/// them waiting. Answers what ends them.
fn background(service: &Service, courier: Courier) -> impl FnOnce() {
    let (directory, db, clock) =
        (service.directory.clone(), service.db.clone(), service.clock.clone());
    let store = service.attachments();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let (local, courier) = (tokio::task::LocalSet::new(), Rc::new(courier));
        local.spawn_local(directory.watch());
        local.spawn_local(operations::watch(db.clone()));
        local.spawn_local(attachments::attachment::watch(db.clone(), store));
        local.spawn_local(courier.clone().run());
        local.spawn_local(platform::jobs::run(db, clock, JOBS));
        // Ended, too, when the other side is gone.
        let _ = runtime.block_on(local.run_until(ended));
        drop(local);
        if let Err(error) = runtime.block_on(courier.leave()) {
            tracing::warn!(%error, "webhooks rest until their leases are over");
        }
    });
    move || {
        let _ = end.send(());
        let _ = thread.join();
    }
}
