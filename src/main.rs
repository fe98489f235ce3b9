//! Command line: `serve`, `demo`, `import`, `migrate`, `openapi`, `completions`, `man`, `user`,
//! `client`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::{fs, io};

use clap::{CommandFactory, Parser};
use salesbook::config::{self, Cli, Client, Command, Database, Import, LogFormat, Serve, User};
use salesbook::platform::{Clock, Db, Error, Timestamp, Tx, feed};
use salesbook::serve::{self, Failure, Home};
use salesbook::{app, auth};
use salesbook::{company, document, memory, receivables, values};
use uuid::Uuid;

/// Free memory goes back to the system within seconds, see [`memory`].
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    memory::settle();
    match Cli::try_parse() {
        Ok(cli) => carry_out(cli.command),
        Err(error) => {
            let command = std::env::args().nth(1).unwrap_or_default();
            match values::refusal(&command, &error) {
                Some(refusal) => eprintln!("salesbook: {refusal}"),
                None => error.exit(),
            }
            // The exit code of command-line errors: nothing was begun.
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn carry_out(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Serve(options) => serve::serve(options, async |_, _, _| Ok(())).await,
        Command::Demo(options) => demo(options).await,
        Command::Import(options) => import(options).await,
        Command::Migrate(database) => migrate(&database).await,
        Command::Openapi => {
            print!("{}", document::text());
            Ok(())
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "salesbook", &mut io::stdout());
            Ok(())
        }
        Command::Man { folder } => manual(&folder),
        Command::User(options) => user(options).await,
        Command::Client(options) => client(options).await,
    };

    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Prints one line, even if the database or a library reports several.
            let lines = failure.to_string();
            eprintln!("salesbook: {}", lines.split_whitespace().collect::<Vec<_>>().join(" "));
            let import = failure.downcast_ref::<exchange::Error>();
            import.map_or(ExitCode::FAILURE, |error| error.exit_code().into())
        }
    }
}

fn manual(folder: &Path) -> Result<(), Failure> {
    let wrong = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(wrong)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(wrong)?;
    Ok(())
}

async fn migrate(database: &Database) -> Result<(), Failure> {
    serve::log("info", LogFormat::Pretty)?;
    Home::open(database)?.migrate().await
}

/// Default password of the demo's `admin`.
const DEMO_PASSWORD: &str = "demo-admin-2026";

/// Serves, and fills the database with the demo company once the service answers.
async fn demo(mut options: Serve) -> Result<(), Failure> {
    // Keeps demo data apart from real data.
    if options.database.data_dir == Path::new(config::DATA_DIR) {
        options.database.data_dir = "data-demo".into();
    }

    let password = options.admin_password.get_or_insert_with(|| DEMO_PASSWORD.into()).clone();
    let filter = options.log.clone();
    serve::serve(options, async move |url, service, log| {
        eprintln!("filling in the demo company {}, which takes a minute …", demo::NAME);
        // The requests and logins of the demo itself would only fill the log.
        log.only(&format!("{filter},salesbook::http=off,auth=warn"))?;

        let company = demo::company(service.clock.today().0, service.clock.now().0);
        let back = async |tx: &mut Tx| feed::ensure_partitions_of(tx, 13).await;
        Tx::run(&service.db, &service.clock, Uuid::nil(), back).await?;
        let travel: demo::Travel<'_> = &|at| match at {
            Some(at) => service.clock.set(Timestamp(at)),
            None => service.clock.release(),
        };

        let username = "admin".to_owned();
        let admin = exchange::Credentials::Password { username, password: password.clone() };
        let filled = demo::fill(url, admin, &company, travel).await?;
        if !filled.refused.is_empty() {
            return Err(
                format!("rows of the demo company were refused: {:#?}", filled.refused).into()
            );
        }

        // The invoices were created after the first run of the job.
        let collect = async |tx: &mut Tx| receivables::hooks::collect(tx).await;
        Tx::run(&service.db, &service.clock, Uuid::nil(), collect).await?;
        log.only(&filter)?;
        print!("{}", welcome(url, &company, &password));
        Ok(())
    })
    .await
}

/// Returns the welcome text: the address, first requests to try, and the logins.
fn welcome(url: &str, company: &demo::Company, admin: &str) -> String {
    let first = company.logins.first();
    let (username, password) =
        first.map(|login| (login.username, login.password)).unwrap_or_default();
    let year = company.today.year();

    let line = |username: &str, password: &str, role: &str, name: &str| {
        format!("  {username:14} {password:18} {role:18} {name}\n")
    };
    let people = company.logins.iter();
    let people = people.map(|login| line(login.username, login.password, login.role, login.name));

    let admin = if admin == DEMO_PASSWORD { admin } else { "as you have set it" };
    let people: String = people.chain([line("admin", admin, "admin", "")]).collect();
    format!(
        "\n{name} is ready: {url}/docs/\n\ntry:\n  \
         TOKEN=$(curl -s {url}/api/v1/auth/login -H 'content-type: application/json' \
         -d '{{\"username\":\"{username}\",\"password\":\"{password}\"}}' | \
         sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')\n  \
         curl -s -H \"authorization: Bearer $TOKEN\" \
         '{url}/api/v1/reports/attainment?owner_type=user&period_type=month&period={year}&group_by=period'\n\n\
         logins:\n{people}",
        name = demo::NAME,
    )
}

async fn import(options: Import) -> Result<(), Failure> {
    let credentials = match (options.client_id, options.client_secret) {
        (Some(id), Some(secret)) => exchange::Credentials::Client { id, secret },
        (None, None) => match (options.username, options.password) {
            (Some(username), Some(password)) => {
                exchange::Credentials::Password { username, password }
            }
            _ => {
                return Err("set SALESBOOK_CLIENT_ID and SALESBOOK_CLIENT_SECRET, or \
                    SALESBOOK_USERNAME and SALESBOOK_PASSWORD"
                    .into());
            }
        },
        _ => return Err("set both SALESBOOK_CLIENT_ID and SALESBOOK_CLIENT_SECRET".into()),
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

/// Opens and migrates the database for one command.
async fn open(database: &Database) -> Result<(Home, Db, Clock), Failure> {
    serve::log("warn", LogFormat::Pretty)?;
    let home = Home::open(database)?;
    home.migrate().await?;
    let db = Db::new(home.server.clone(), 2).with(Arc::new(app::extensions()));
    let clock = Clock::default();
    company::Company::ensure(&db, &clock).await?;
    Ok((home, db, clock))
}

async fn user(options: User) -> Result<(), Failure> {
    let (_home, db, clock) = open(&options.database).await?;
    let made = if options.password.is_none() { Some(auth::password::random()?) } else { None };
    let password = options.password.as_deref().or(made.as_deref()).unwrap_or_default();
    let name = options.name.as_deref().unwrap_or(&options.username);
    let username = &*options.username;

    let outcome = if options.roles.is_empty() {
        auth::user::set_password_cli(&db, &clock, username, password).await
    } else {
        let created = auth::user::create_cli(&db, &clock, username, name, options.roles, password);
        created.await.map(drop)
    };

    match outcome {
        Err(error) if error.code() == "not_found" => {
            let remedy = "to create the user, set SALESBOOK_ROLES (--roles)";
            return Err(format!("the user {username} does not exist; {remedy}").into());
        }
        outcome => outcome.map_err(|error| unaccepted(&error))?,
    }
    if let Some(password) = made {
        println!("password {password} (shown this once)");
    }
    Ok(())
}

async fn client(options: Client) -> Result<(), Failure> {
    let (_home, db, clock) = open(&options.database).await?;
    let system = options.source_system.as_deref();
    let made = auth::api_client::create_cli(&db, &clock, &options.name, options.roles, system);
    let (id, secret) = made.await.map_err(|error| unaccepted(&error))?;
    println!("client_id {id}\nclient_secret {secret} (shown this once)");
    Ok(())
}

/// Names the variables of the values that the service does not accept.
fn unaccepted(error: &Error) -> Failure {
    let reasons = error
        .reasons()
        .map(|(pointer, reason)| format!("{}: {reason}", values::variable_of(pointer)));
    let reasons: Vec<_> = reasons.collect();
    if reasons.is_empty() { serve::why(error) } else { reasons.join("; ").into() }
}
