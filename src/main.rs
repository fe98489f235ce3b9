//! The command line: `serve`, `demo`, `import`, `migrate`, `openapi`, `user`, `client`.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use salesbook::auth;
use salesbook::config::{self, Cli, Client, Command, Database, Import, LogFormat, Serve, User};
use salesbook::platform::{Clock, Db, Timestamp, Tx, feed};
use salesbook::serve::{self, Failure, Home};
use salesbook::{company, document, memory};
use uuid::Uuid;

/// Memory that is free goes back to the system within seconds, see [`memory`].
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    memory::settle();
    carry_out(Cli::parse().command)
}

#[tokio::main]
async fn carry_out(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Serve(options) => serve::serve(options, async |_, _| Ok(())).await,
        Command::Demo(options) => demo(options).await,
        Command::Import(options) => import(options).await,
        Command::Migrate(database) => migrate(&database).await,
        Command::Openapi => {
            print!("{}", document::text());
            Ok(())
        }
        Command::User(options) => user(options).await,
        Command::Client(options) => client(options).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("salesbook: {failure}");
            let import = failure.downcast_ref::<exchange::Error>();
            import.map_or(ExitCode::FAILURE, |error| error.exit_code().into())
        }
    }
}

async fn migrate(database: &Database) -> Result<(), Failure> {
    serve::log("info", LogFormat::Pretty)?;
    Home::open(database)?.migrate().await
}

/// The password of the demo's `admin`, unless another is given.
const DEMO_PASSWORD: &str = "demo-admin-2026";

/// Serves, and fills the database with the demo company once it answers.
async fn demo(mut options: Serve) -> Result<(), Failure> {
    // Not beside real data by accident.
    if options.database.data_dir == Path::new(config::DATA_DIR) {
        options.database.data_dir = "data-demo".into();
    }
    let password = options.admin_password.get_or_insert_with(|| DEMO_PASSWORD.into()).clone();
    serve::serve(options, async move |url, service| {
        eprintln!("filling in the demo company 示范公司 …");
        let company = demo::company(service.clock.today().0);
        let back = async |tx: &mut Tx| feed::ensure_partitions_of(tx, 13).await;
        Tx::run(&service.db, &service.clock, Uuid::nil(), back).await?;
        let travel: demo::Travel<'_> = &|at| match at {
            Some(at) => service.clock.set(Timestamp(at)),
            None => service.clock.release(),
        };
        let username = "admin".to_owned();
        let admin = exchange::Credentials::Password { username, password };
        let filled = demo::fill(url, admin, &company, travel).await?;
        if !filled.refused.is_empty() {
            return Err(format!("the demo company does not fit: {:#?}", filled.refused).into());
        }
        print!("{}", welcome(url, &company));
        Ok(())
    })
    .await
}

/// Where to look, who to be, and what to try first.
fn welcome(url: &str, company: &demo::Company) -> String {
    let logins = company.logins.iter().map(|login| {
        format!("  {:14} {:18} {} ({})\n", login.username, login.password, login.name, login.role)
    });
    let first = company.logins.first();
    let (username, password) = first.map(|it| (it.username, it.password)).unwrap_or_default();
    format!(
        "\nsalesbook is ready: {url}/docs/\n\nlogins:\n{}\ntry:\n  \
         TOKEN=$(curl -s {url}/api/v1/auth/login -H 'content-type: application/json' \
         -d '{{\"username\":\"{username}\",\"password\":\"{password}\"}}' | \
         sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')\n  \
         curl -s -H \"authorization: Bearer $TOKEN\" \
         '{url}/api/v1/reports/attainment?owner_type=user&period_type=month&period=2026&group_by=period'\n",
        logins.collect::<String>()
    )
}

async fn import(options: Import) -> Result<(), Failure> {
    let credentials = match (options.client_id, options.client_secret) {
        (Some(id), Some(secret)) => exchange::Credentials::Client { id, secret },
        (None, None) => match (options.username, options.password) {
            (Some(username), Some(password)) => {
                exchange::Credentials::Password { username, password }
            }
            _ => return Err("give a client id and secret, or a username and password".into()),
        },
        _ => return Err("a client has an id and a secret".into()),
    };
    let mut import = exchange::Options::new(options.folder, options.url, credentials);
    import.source_system = options.source_system;
    import.batch_size = options.batch_size;
    import.parallel = options.parallel;
    import.quiet = options.quiet;
    import.dry_run = options.dry_run;
    let summary = exchange::import(&import).await?;
    println!("{summary}");
    if summary.failed() > 0 {
        Err("some rows were refused, see *.rejected.csv".into())
    } else {
        Ok(())
    }
}

/// A migrated database with a pool, for one command.
async fn open(database: &Database) -> Result<(Home, Db, Clock), Failure> {
    serve::log("warn", LogFormat::Pretty)?;
    let home = Home::open(database)?;
    home.migrate().await?;
    let (db, clock) = (Db::new(&home.url, 2), Clock::default());
    company::Company::ensure(&db, &clock).await?;
    Ok((home, db, clock))
}

async fn user(options: User) -> Result<(), Failure> {
    let (_home, db, clock) = open(&options.database).await?;
    let made = if options.password.is_none() { Some(auth::password::random()?) } else { None };
    let password = options.password.as_deref().or(made.as_deref()).unwrap_or_default();
    let name = options.name.as_deref().unwrap_or(&options.username);
    if options.roles.is_empty() {
        auth::user::set_password_cli(&db, &clock, &options.username, password).await?;
    } else {
        let roles = config::roles(&options.roles)?;
        auth::user::create_cli(&db, &clock, &options.username, name, roles, password).await?;
    }
    if let Some(password) = made {
        println!("password {password} (shown this once)");
    }
    Ok(())
}

async fn client(options: Client) -> Result<(), Failure> {
    let (_home, db, clock) = open(&options.database).await?;
    let roles = config::roles(&options.roles)?;
    let system = options.source_system.as_deref();
    let made = auth::api_client::create_cli(&db, &clock, &options.name, roles, system).await?;
    println!("client_id {}\nclient_secret {} (shown this once)", made.0, made.1);
    Ok(())
}
