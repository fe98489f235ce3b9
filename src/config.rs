//! Command line and environment, one struct per command. These doc comments are the reference of
//! all settings. `.env.sample` repeats them, and a test compares the variables and their defaults.

use std::path::PathBuf;

use access::Role;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::values::{
    address, admin_password, boolean, database_url, log, master_secret, name, origin, role, secret,
    url, whole,
};

/// Salesbook, the sales-management service
#[derive(Debug, Parser)]
#[command(name = "salesbook", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API
    Serve(Serve),
    /// Serve with a demo company, 示范公司, in a data folder of its own
    Demo(Serve),
    /// Import a folder of CSV and XLSX files into a service
    Import(Import),
    /// Migrate a database to the schema of this build
    Migrate(Database),
    /// Print the OpenAPI document
    Openapi,
    /// Print the completions of a shell
    Completions { shell: Shell },
    /// Write the manual pages into a folder
    Man {
        /// Created if it is missing
        folder: PathBuf,
    },
    /// Add a user, or set a password
    User(User),
    /// Add an API client and print its secret
    Client(Client),
}

/// Limit of connections of all workers together. PostgreSQL allows 100 by default.
pub const MOST_CONNECTIONS: u64 = 80;

/// Default location of the data.
pub const DATA_DIR: &str = "data";

/// Location of the data.
#[derive(Debug, Clone, Args)]
pub struct Database {
    /// Your own PostgreSQL 15 or newer. Default: a private server. TLS follows `sslmode`;
    /// certificates are always verified
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = database_url)]
    pub database_url: Option<String>,
    /// Folder of the private PostgreSQL; one service per folder. The demo's default is `data-demo`
    #[arg(long, env = "SALESBOOK_DATA_DIR", default_value = DATA_DIR)]
    pub data_dir: PathBuf,
    /// PEM file with the certificate authority of your own server, beside those of the system
    #[arg(long, env = "SALESBOOK_DATABASE_CA")]
    pub database_ca: Option<PathBuf>,
    /// Secret that encrypts the keys in the database; at least 16 characters, the same on all
    /// instances
    #[arg(long, env = "SALESBOOK_SECRET", hide_env_values = true, value_parser = master_secret)]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Address and port to listen on
    #[arg(long, env = "SALESBOOK_LISTEN", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: String,
    #[command(flatten)]
    pub database: Database,
    /// Password of the user `admin`, who is created at the first start. Default: a random one,
    /// which is printed once
    #[arg(long, env = "SALESBOOK_ADMIN_PASSWORD", hide_env_values = true,
        value_parser = admin_password)]
    pub admin_password: Option<String>,
    /// Store for attached files: a folder, the same for all instances, or `s3://bucket/prefix` with
    /// the usual `AWS_…` variables. Default: `attachments` in the data folder
    #[arg(long, env = "SALESBOOK_ATTACHMENTS")]
    pub attachments: Option<String>,
    /// Threads that handle requests. Default: one for each processor
    #[arg(long, env = "SALESBOOK_WORKERS", value_parser = whole::<usize>(1..=MOST_CONNECTIONS))]
    pub workers: Option<usize>,
    /// Database connections of each worker
    #[arg(long, env = "SALESBOOK_POOL_SIZE", default_value_t = 8,
        value_parser = whole::<usize>(1..=MOST_CONNECTIONS))]
    pub pool_size: usize,
    /// Requests per second and caller, ten times as many at once; 0 for no limit
    #[arg(long, env = "SALESBOOK_RATE_LIMIT", default_value_t = 1000,
        value_parser = whole::<u32>(0..=1_000_000))]
    pub rate_limit: u32,
    /// Origins of web pages that may call the API, separated by commas. Default: none
    #[arg(long, env = "SALESBOOK_CORS_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<String>,
    /// Trust X-Forwarded-For, because a proxy of yours sets it
    #[arg(long, env = "SALESBOOK_TRUST_PROXY", value_parser = boolean)]
    pub trust_proxy: bool,
    /// Roles that require a second factor, separated by commas
    #[arg(long, env = "SALESBOOK_SECOND_FACTOR_ROLES", value_delimiter = ',', value_parser = role)]
    pub second_factor_roles: Vec<Role>,
    /// Days after which people have to log in again, even if they use their session
    #[arg(long, env = "SALESBOOK_SESSION_DAYS", default_value_t = 90,
        value_parser = whole::<i64>(1..=3650))]
    pub session_days: i64,
    /// Allow webhooks to this machine itself, also without TLS; for tests
    #[arg(long, env = "SALESBOOK_WEBHOOK_LOOPBACK", value_parser = boolean)]
    pub webhook_loopback: bool,
    /// Log filter: a level, or one per module as in `info,salesbook=debug`
    #[arg(long, env = "SALESBOOK_LOG", default_value = "info", value_parser = log)]
    pub log: String,
    /// Log format
    #[arg(long, env = "SALESBOOK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Pretty)]
    pub log_format: LogFormat,
    /// Seconds for running requests to finish when the service stops
    #[arg(long, env = "SALESBOOK_SHUTDOWN_SECONDS", default_value_t = 20,
        value_parser = whole::<u64>(0..=3600))]
    pub shutdown_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Pretty,
    Json,
}

#[derive(Debug, Clone, Args)]
pub struct Import {
    /// Folder with CSV and XLSX files, or one of them; see docs/exchange-format.md
    pub folder: PathBuf,
    /// Address of the service
    #[arg(long, env = "SALESBOOK_URL", default_value = "http://127.0.0.1:8080", value_parser = url)]
    pub url: String,
    /// Id of an API client with the role erp
    #[arg(long, env = "SALESBOOK_CLIENT_ID")]
    pub client_id: Option<String>,
    /// Secret of the client. As for every secret, `-` reads it from the standard input and
    /// `file:PATH` from a file, because arguments are visible to all users of the machine
    #[arg(long, env = "SALESBOOK_CLIENT_SECRET", hide_env_values = true, value_parser = secret)]
    pub client_secret: Option<String>,
    /// Instead of a client: a user with the role admin
    #[arg(long, env = "SALESBOOK_USERNAME")]
    pub username: Option<String>,
    /// Password of the user
    #[arg(long, env = "SALESBOOK_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub password: Option<String>,
    /// Source system of the external ids in the files. Default: that of the client
    #[arg(long, env = "SALESBOOK_SOURCE_SYSTEM", value_parser = name(40))]
    pub source_system: Option<String>,
    /// Rows per request
    #[arg(long, env = "SALESBOOK_BATCH_SIZE", default_value_t = 1000,
        value_parser = whole::<usize>(1..=10_000))]
    pub batch_size: usize,
    /// Requests at the same time
    #[arg(long, env = "SALESBOOK_PARALLEL", default_value_t = 2,
        value_parser = whole::<usize>(1..=16))]
    pub parallel: usize,
    /// Hide the progress bars
    #[arg(long, env = "SALESBOOK_QUIET", value_parser = boolean)]
    pub quiet: bool,
    /// Check all files and rows without changing anything; the summary shows what an import would
    /// do
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub struct User {
    #[command(flatten)]
    pub database: Database,
    /// Username of a new user, or of an existing one whose password is set
    #[arg(value_parser = name(100))]
    pub username: String,
    /// Display name. Default: the username
    #[arg(long, env = "SALESBOOK_NAME", value_parser = name(200))]
    pub name: Option<String>,
    /// Roles of a new user, separated by commas. Without them, the password of an existing user is
    /// set
    #[arg(long, env = "SALESBOOK_ROLES", value_delimiter = ',', value_parser = role)]
    pub roles: Vec<Role>,
    /// Password, at least 10 characters. Default: a random one, which is printed
    #[arg(long, env = "SALESBOOK_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub password: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Client {
    #[command(flatten)]
    pub database: Database,
    /// Purpose of the client
    #[arg(value_parser = name(200))]
    pub name: String,
    /// Roles, separated by commas
    #[arg(long, env = "SALESBOOK_CLIENT_ROLES", value_delimiter = ',', default_value = "erp",
        value_parser = role)]
    pub roles: Vec<Role>,
    /// Source system whose external ids the client writes
    #[arg(long, env = "SALESBOOK_SOURCE_SYSTEM", value_parser = name(40))]
    pub source_system: Option<String>,
}
