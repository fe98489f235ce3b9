//! A service on its own database, and users who call it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use actix_http::Request;
use actix_service::boxed::{self, BoxService};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{self, TestRequest};
use actix_web::web::Bytes;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use private_pg::{Options, Server};
use salesbook::access::Role;
use salesbook::auth::directory;
use salesbook::platform::{Clock, Db};
use salesbook::private_pg;
use salesbook::{app, attachments};
use serde_json::Value;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::api::compression::decoded;
use crate::api::openapi;
use crate::support::scratch::{self, Database};

/// The server for test databases: `TEST_DATABASE_SERVER`, or a private one that ends with the
/// tests.
struct Home {
    server: Mutex<Option<Server>>,
    template: String,
}

static HOME: LazyLock<Home> = LazyLock::new(|| {
    let given = std::env::var("TEST_DATABASE_SERVER").is_ok();
    let server = (!given).then(|| {
        let folder = scratch::FOLDER.join("server");
        let settings = [
            ("max_connections", "300"),
            ("shared_buffers", "128MB"),
            // The log of changes stays small, because the files may be in memory.
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
            ("max_wal_size", "128MB"),
        ];
        let settings = settings.map(|(name, value)| (name.into(), value.into())).to_vec();
        Server::start(&Options { folder, durable: false, die_with_parent: true, settings }).unwrap()
    });
    let template = format!("salesbook_template_{}", std::process::id());
    let home = Home { server: Mutex::new(server), template };
    let (admin, url) = (home.url("postgres"), home.url(&home.template));
    let create = format!("create database {}", home.template);
    // The migration harness blocks in place, which the test runtime does not allow.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            maintenance(&admin, &create).await;
            app::migrate(&url).await.unwrap();
            // The first start creates the company, the holidays, the keys and the partitions of
            // this month.
            let (db, settings) = (Db::new(&url, 2), app::Settings::default());
            app::Service::start(db, Clock::default(), settings).await.unwrap();
        });
    })
    .join()
    .unwrap();
    home
});

impl Home {
    fn url(&self, database: &str) -> String {
        match &*self.server.lock().unwrap() {
            Some(server) => server.url(database),
            None => format!("{}/{database}", std::env::var("TEST_DATABASE_SERVER").unwrap()),
        }
    }
}

pub async fn maintenance(url: &str, sql: &str) {
    let mut conn = salesbook::platform::db::connect(url).await.unwrap();
    conn.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

pub struct Service {
    pub inner: app::Service,
    database: Arc<Database>,
    /// Folder of the attachments
    pub files: PathBuf,
    /// Created at the first request, because it takes longer than a request.
    app: OnceCell<BoxService<Request, ServiceResponse, actix_web::Error>>,
}

impl Service {
    pub async fn start() -> Self {
        Self::start_at(Clock::default()).await
    }

    /// Starts a service whose clock stands still until it is set.
    pub async fn start_at(clock: Clock) -> Self {
        let database = format!("salesbook_{}", Uuid::now_v7().simple());
        // Half the work of the other strategy, because nothing is logged.
        let create =
            format!("create database {database} template {} strategy file_copy", HOME.template);
        let admin = HOME.url("postgres");
        maintenance(&admin, &create).await;
        scratch::drop_unused(&admin).await;
        Self::on(Arc::new(Database(database)), clock).await
    }

    async fn on(database: Arc<Database>, clock: Clock) -> Self {
        let db = Db::new(HOME.url(&database.0), 12);
        let files = scratch::FOLDER.join(format!("files-{}", database.0));
        let inner = app::Service::start(db, clock, settings(&files)).await.unwrap();
        Self { inner, database, files, app: OnceCell::new() }
    }

    /// Copies the service: two independent companies with the same rows, but with different keys.
    pub async fn twins(self) -> (Self, Self) {
        let (clock, database) = (self.inner.clock.clone(), self.database.clone());
        drop(self);
        let (admin, name) = (HOME.url("postgres"), &database.0);
        let twin = format!("{name}_twin");
        let end = "select pg_terminate_backend(pid) from pg_stat_activity
            where usename = current_user and datname";
        maintenance(&admin, &format!("{end} = '{name}'")).await;
        maintenance(&admin, &format!("create database {twin} template {name}")).await;
        maintenance(&HOME.url(&twin), "delete from signing_keys; delete from secrets").await;
        let twin = Arc::new(Database(twin));
        (Self::on(database, clock.clone()).await, Self::on(twin, clock).await)
    }

    /// The URL of the database, for another process.
    pub fn url(&self) -> String {
        HOME.url(&self.database.0)
    }

    /// Restarts the service on the same database.
    pub async fn restart(&mut self) {
        let db = self.inner.db.clone();
        let (clock, settings) = (self.inner.clock.clone(), settings(&self.files));
        self.inner = app::Service::start(db, clock, settings).await.unwrap();
        self.app = OnceCell::new();
    }

    /// Creates the partitions of the current month, which a job usually does in advance.
    pub async fn new_month(&self) {
        let (db, clock) = (&self.inner.db, &self.inner.clock);
        let ensure = salesbook::platform::feed::ensure_partitions;
        salesbook::platform::Tx::run(db, clock, Uuid::nil(), ensure).await.unwrap();
    }

    /// Another instance on the same database, at the same time of day.
    pub async fn another(&self, settings: app::Settings) -> salesbook::platform::Result<Self> {
        let (db, clock) = (Db::new(self.url(), 4), self.inner.clock.clone());
        let inner = app::Service::start(db, clock, settings).await?;
        let (database, files) = (self.database.clone(), self.files.clone());
        Ok(Self { inner, database, files, app: OnceCell::new() })
    }

    /// Creates a user with this role.
    pub async fn actor(&self, role: Role) -> Actor<'_> {
        self.person(&[role]).await
    }

    /// Creates a user with these roles.
    pub async fn person(&self, roles: &[Role]) -> Actor<'_> {
        let id = Uuid::now_v7();
        let mut conn = self.inner.db.conn().await.unwrap();
        let insert = "insert into users (id, version, username, name, name_pinyin, roles, active,
            source_system, external_id, created_at, updated_at)
            values ($1, 1, $2, $2, $2, $3, true, 'test', $2, $4, $4)";
        let insert = diesel::sql_query(insert).bind::<SqlUuid, _>(id);
        let insert = insert.bind::<Text, _>(format!("e-{id}"));
        let insert =
            insert.bind::<Array<Text>, _>(roles.iter().map(|it| it.as_str()).collect::<Vec<_>>());
        insert.bind::<Timestamptz, _>(self.inner.clock.now()).execute(&mut conn).await.unwrap();
        drop(conn);
        self.signed_in(id)
    }

    /// Creates an API client with this role for a source system.
    pub async fn client(&self, role: Role, source_system: &str) -> Actor<'_> {
        let (db, clock) = (&self.inner.db, &self.inner.clock);
        let made = salesbook::auth::api_client::create_cli(
            db,
            clock,
            source_system,
            vec![role],
            Some(source_system),
        );
        let client_id = made.await.unwrap().0;
        let id = format!("select id::text from api_clients where client_id = '{client_id}'");
        let id = self.texts(&id).await[0].parse().unwrap();
        self.inner.directory.poll().await.unwrap();
        self.signed_in(id)
    }

    /// An existing user with a new token.
    pub fn signed_in(&self, id: Uuid) -> Actor<'_> {
        let token = self.inner.tokens.issue(id, self.inner.clock.now()).unwrap();
        Actor { service: self, id, token: Some(token) }
    }

    /// The actor with this token.
    pub fn bearer(&self, token: String) -> Actor<'_> {
        Actor { service: self, id: Uuid::nil(), token: Some(token) }
    }

    pub fn anonymous(&self) -> Actor<'_> {
        Actor { service: self, id: Uuid::nil(), token: None }
    }

    /// Creates a team with a parent, a leader and members, effective immediately.
    pub async fn team(
        &self,
        parent: Option<Uuid>,
        leader: &Actor<'_>,
        members: &[&Actor<'_>],
    ) -> Uuid {
        let team = Uuid::now_v7();
        let mut conn = self.inner.db.conn().await.unwrap();
        let insert = diesel::sql_query(
            "insert into teams (id, version, name, parent_id, created_at, updated_at)
                values ($1, 1, $1::text, $2, now(), now())",
        )
        .bind::<SqlUuid, _>(team)
        .bind::<diesel::sql_types::Nullable<SqlUuid>, _>(parent);
        insert.execute(&mut conn).await.unwrap();
        for actor in members.iter().chain([&leader]) {
            let insert =
                "insert into memberships values (gen_random_uuid(), $1, $2, $3, '2000-01-01')";
            let insert = diesel::sql_query(insert).bind::<SqlUuid, _>(actor.id);
            let insert = insert.bind::<SqlUuid, _>(team).bind::<Bool, _>(actor.id == leader.id);
            insert.execute(&mut conn).await.unwrap();
            let update = "update users set team_id = $2, leads_team = $3 where id = $1";
            let update = diesel::sql_query(update).bind::<SqlUuid, _>(actor.id);
            let update = update.bind::<SqlUuid, _>(team).bind::<Bool, _>(actor.id == leader.id);
            update.execute(&mut conn).await.unwrap();
        }
        drop(conn);
        self.directory_changed().await;
        team
    }

    /// Refreshes the directory, as its writers and its poller do.
    pub async fn directory_changed(&self) {
        directory::touch(&mut self.inner.db.conn().await.unwrap()).await.unwrap();
        self.inner.directory.poll().await.unwrap();
    }

    /// The rows of a query with one text column.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            text: String,
        }
        let mut conn = self.inner.db.conn().await.unwrap();
        let query = diesel::sql_query(format!("select * from ({query}) as it (text)"));
        let rows: Vec<Row> = query.load(&mut conn).await.unwrap();
        rows.into_iter().map(|row| row.text).collect()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let mut conn = self.inner.db.conn().await.unwrap();
        let count = diesel::dsl::sql::<BigInt>(&format!("select count(*) from {table}"));
        count.get_result(&mut conn).await.unwrap()
    }

    pub async fn sql(&self, sql: &str) {
        maintenance(&HOME.url(&self.database.0), sql).await;
    }
}

fn settings(files: &Path) -> app::Settings {
    let attachments = attachments::Store::open(files.to_str().unwrap()).unwrap();
    app::Settings { attachments, webhook_loopback: true, ..app::Settings::default() }
}

pub struct Actor<'a> {
    service: &'a Service,
    pub id: Uuid,
    pub token: Option<String>,
}

/// A response, which has already been checked against the OpenAPI document.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    /// The body as received, possibly compressed
    pub bytes: Bytes,
}

impl Answer {
    /// Checks the status. Returns the body.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// The body as text, for responses that are not JSON.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Actor<'_> {
    /// Creates a customer of this actor. Returns its path.
    pub async fn customer(&self, name: &str) -> String {
        let new = serde_json::json!({ "name": name, "allow_duplicate": true });
        let customer = self.post("/api/v1/customers", new).await.expect(201);
        format!("/api/v1/customers/{}", customer["id"].as_str().unwrap())
    }

    /// Sets the tier of a customer, for which its owner has no permission.
    pub async fn set_tier(&self, customer: &str, tier: &str) {
        let update = format!("update customers set tier = '{tier}' where id = '{customer}'");
        self.service.sql(&update).await;
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, version: i64, body: Value) -> Answer {
        let tag = format!("\"{version}\"");
        self.send(Method::PATCH, path, Some(body), &[("if-match", &tag)]).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let text = body.map(|body| body.to_string());
        self.send_text(method, path, text.as_deref(), headers).await
    }

    pub async fn send_text(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let json = body.map(|_| ("content-type", "application/json"));
        let headers: Vec<_> = json.into_iter().chain(headers.iter().copied()).collect();
        let body = body.unwrap_or_default().as_bytes().to_vec();
        self.send_bytes(method, path, body, &headers).await
    }

    /// Sends arbitrary bytes with the given headers.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let service = self.service;
        let app = async || boxed::service(test::init_service(service.inner.app()).await);
        let app = service.app.get_or_init(app).await;
        let mut request = TestRequest::with_uri(path).method(method.clone());
        if let Some(token) = &self.token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        for header in headers {
            request = request.insert_header(*header);
        }
        if !body.is_empty() {
            request = request.set_payload(body);
        }
        let response = test::call_service(app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = test::read_body(response).await;
        let text = decoded(&headers, bytes.clone()).await;
        let body = serde_json::from_slice(&text).unwrap_or_default();
        let kind = headers.get("content-type").map_or("", |it| it.to_str().unwrap());
        if kind.starts_with("text/html") {
            assert!(path.starts_with("/public/"), "{path} answers with a page");
        } else if !kind.starts_with("text/csv") {
            openapi::check_answer(&method, path, status, &body);
        }
        Answer { status, headers, body, bytes }
    }
}
