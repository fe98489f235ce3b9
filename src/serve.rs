//! Running the service: location of the data, start and stop.

use std::fs;
use std::io::IsTerminal;
use std::net::TcpListener;
use std::num::NonZero;
use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::http::KeepAlive;
use auth::LoginPolicy;
use platform::db::DbServer;
use platform::{Clock, Db};
use private_pg::{Options, Server};
use sync::webhook::Courier;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

use crate::app::{self, Service, Settings};
use crate::config::{Database, LogFormat, MOST_CONNECTIONS, Serve};
use crate::operations;
use crate::schedule::JOBS;

/// Reason why the service does not run, in one line.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connections for jobs, the directory and the start.
const OWN_POOL: usize = 4;

/// Connections for deliveries to webhooks.
const COURIER_POOL: usize = 3;

/// Longest wait for a database that is down at the start.
const PATIENCE: Duration = Duration::from_mins(10);

/// Location of the data: a private server, which lives as long as this value, or the user's own.
pub struct Home {
    private: Option<Server>,
    pub server: DbServer,
}

impl Home {
    pub fn open(database: &Database) -> Result<Self, Failure> {
        let server = |url: &str| match &database.database_ca {
            Some(file) => DbServer::trusting(url, file)
                .map_err(|error| Failure::from(format!("SALESBOOK_DATABASE_CA: {error}"))),
            None => Ok(url.into()),
        };
        if let Some(url) = &database.database_url {
            return Ok(Self { private: None, server: server(url)? });
        }

        let options = Options {
            folder: database.data_dir.clone(),
            durable: true,
            die_with_parent: true,
            settings: vec![],
        };
        let private = Server::start(&options)?;
        let server = server(&private.url("postgres"))?;
        Ok(Self { private: Some(private), server })
    }

    /// Brings the schema up to date. Waits for a server of the user that is down.
    pub async fn migrate(&self) -> Result<(), Failure> {
        let start = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(200);
        loop {
            match app::migrate(self.server.clone()).await {
                Err(error) if error.code() == "unavailable" && start.elapsed() < PATIENCE => {
                    tracing::warn!(cause = %error.cause_text(), "waiting for the database");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) if self.private.is_none() => {
                    return Err(format!("DATABASE_URL: {}", why(&error)).into());
                }
                outcome => return outcome.map_err(|error| why(&error)),
            }
        }
    }
}

/// Returns the cause of an error, which says more in a terminal than the code.
pub fn why(error: &platform::Error) -> Failure {
    error.cause_text().into()
}

/// The log of this process.
pub struct Log(Box<dyn Fn(EnvFilter)>);

impl Log {
    /// Replaces the filter.
    pub fn only(&self, filter: &str) -> Result<(), Failure> {
        (self.0)(EnvFilter::try_new(filter)?);
        Ok(())
    }
}

/// Starts the log, once per process. Only terminals get colours.
pub fn log(filter: &str, format: LogFormat) -> Result<Log, Failure> {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(colours);
    let log = log.with_env_filter(EnvFilter::try_new(filter)?);

    Ok(Log(match format {
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_filter_reloading();
            let handle = log.reload_handle();
            let _ = log.try_init();
            Box::new(move |filter| {
                let _ = handle.reload(filter);
            })
        }
        LogFormat::Pretty => {
            let log = log.with_filter_reloading();
            let handle = log.reload_handle();
            let _ = log.try_init();
            Box::new(move |filter| {
                let _ = handle.reload(filter);
            })
        }
    }))
}

/// Serves until a signal: then no new requests are accepted, and running ones may finish. Calls
/// `started` once the service answers.
pub async fn serve(
    options: Serve,
    started: impl AsyncFnOnce(&str, &Service, &Log) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let log = log(&options.log, options.log_format)?;
    // Listens first: a port in use should not cost the start of a database.
    let listener = TcpListener::bind(&options.listen).map_err(|error| {
        format!("SALESBOOK_LISTEN: cannot listen on {}: {error}", options.listen)
    })?;
    let attachments = store(&options)?;
    let home = Home::open(&options.database)?;
    home.migrate().await?;

    let settings = Settings {
        attachments,
        secret: options.database.secret.clone(),
        cors_origins: options.cors_origins.clone(),
        trust_proxy: options.trust_proxy,
        webhook_loopback: options.webhook_loopback,
        rate_limit: options.rate_limit,
        login: LoginPolicy {
            second_factor: options.second_factor_roles.clone(),
            session_days: options.session_days,
        },
    };

    let db = Db::new(home.server.clone(), OWN_POOL);
    let service = Service::start(db, Clock::default(), settings).await;
    let service = service.map_err(|error| why(&error))?;
    if let Some(password) = service.first_start(options.admin_password.as_deref()).await? {
        eprintln!("user admin, password {password} (shown this once)");
    }
    service.check_search().await;

    let address = listener.local_addr()?;
    let courier = Db::new(home.server.clone(), COURIER_POOL);
    let courier = service.courier(courier).map_err(|error| why(&error))?;
    let end = background(&service, courier);
    let most = usize::try_from(MOST_CONNECTIONS)?;
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = options.workers.unwrap_or(processors).min(most);

    // A connection belongs to the thread that opened it. With a pool of its own, no worker waits
    // for another one to read a response.
    let size = (most / workers).min(options.pool_size);
    let (copy, database) = (service.clone(), home.server.clone());
    let server = HttpServer::new(move || copy.on(Db::new(database.clone(), size)).app())
        .workers(workers)
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
        // Ends the requests that wait for changes, because the workers wait for running requests.
        ending.begin();
        tokio::spawn(async move {
            signals.next().await;
            // A second signal means that nobody wants to wait. PostgreSQL ends with its parent.
            tracing::warn!("stopped at once by a second signal");
            std::process::exit(1);
        });
        handle.stop(orderly).await;
    });

    started(&format!("http://{address}"), &service, &log).await?;
    running.await??;
    end();
    tracing::info!("stopped");
    drop(home.private);
    Ok(())
}

/// Opens the store for the bytes of attachments.
fn store(options: &Serve) -> Result<attachments::Store, Failure> {
    let data = &options.database.data_dir;
    let folder = data.join("attachments");
    let (variable, location) = match &options.attachments {
        Some(location) => ("SALESBOOK_ATTACHMENTS", &**location),
        None => ("SALESBOOK_DATA_DIR", folder.to_str().unwrap_or(".")),
    };
    if options.attachments.is_none() {
        let unusable =
            |error| format!("the data folder {} cannot be used: {error}", data.display());
        fs::create_dir_all(data).map_err(|error| format!("{variable}: {}", unusable(error)))?;
    }
    attachments::Store::open(location).map_err(|error| format!("{variable}: {error}").into())
}

/// The signals that stop the service: SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal. Returns true if running requests may finish, as for SIGTERM.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => false,
        }
    }
}

/// Starts the background work on a thread of its own: the directory's poller, the jobs, the
/// cleaning of the store, and the deliveries to webhooks. Their futures stay on that thread, and
/// busy workers do not delay them. Returns a function that ends the work.
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
        local.spawn_local(platform::jobs::run(db, clock, &JOBS));

        // Also ends if the other side is dropped.
        let _ = runtime.block_on(local.run_until(ended));
        drop(local);
        if let Err(error) = runtime.block_on(courier.leave()) {
            tracing::warn!(%error, "webhooks pause until their leases expire");
        }
    });
    move || {
        let _ = end.send(());
        let _ = thread.join();
    }
}
