//! Sends a folder, file after file.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use csv::StringRecord;
use tokio::task::JoinHandle;

use crate::client::{Client, Credentials};
use crate::error::{Error, Result};
use crate::folder::{self, Source};
use crate::item::item;
use crate::outcome::{Outcome, Problem, Status};
use crate::patience::Patience;
use crate::progress::{Progress, Screen};
use crate::rejected::Rejected;
use crate::summary::{FileSummary, Summary};

/// The most that the service takes in one batch.
const LARGEST_BATCH: usize = 10_000;

/// Well below the 32 MiB that the service takes in one body.
const LARGEST_BODY: usize = 8 << 20;

/// What to import, and where to.
pub struct Options {
    /// The folder with the CSV files
    pub dir: PathBuf,
    /// The address of the service, such as `http://127.0.0.1:8080`
    pub url: String,
    pub credentials: Credentials,
    /// Whose external ids these are; the client's own unless told
    pub source_system: Option<String>,
    /// Rows in one request, up to 10,000
    pub batch_size: usize,
    /// Requests at the same time
    pub parallel: usize,
    /// Show nothing on the way
    pub quiet: bool,
    pub patience: Patience,
}

impl Options {
    /// With the usual settings.
    pub fn new(dir: impl Into<PathBuf>, url: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            dir: dir.into(),
            url: url.into(),
            credentials,
            source_system: None,
            batch_size: 1000,
            parallel: 2,
            quiet: false,
            patience: Patience::default(),
        }
    }
}

/// Imports a folder. Rows that the service refuses do not stop it: they are counted as failed, and
/// stand with their reasons in `<file>.rejected.csv`.
pub async fn import(options: &Options) -> Result<Summary> {
    if !(1..=LARGEST_BATCH).contains(&options.batch_size) {
        return Err(Error::Option(format!("a batch has 1 to {LARGEST_BATCH} rows")));
    }
    if options.parallel == 0 {
        return Err(Error::Option("at least one request at a time is needed".into()));
    }
    let started = Instant::now();
    let screen = Screen::new(options.quiet);
    let (sources, warnings) = folder::open(&options.dir)?;
    for line in &warnings {
        screen.tell(line);
    }
    let (url, credentials) = (&options.url, options.credentials.clone());
    let client = Client::connect_with(url, credentials, screen.notice(), options.patience).await?;
    let client = Arc::new(client);
    let mut summary = Summary::default();
    for source in sources {
        let progress = screen.progress(source.layout.file, source.rows);
        let run = Run::new(&client, options, Arc::new(source), progress)?;
        summary.files.extend(run.all().await?);
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}

/// Rows on their way, with what they are as items.
#[derive(Default)]
struct Batch {
    items: Vec<String>,
    rows: Vec<StringRecord>,
    bytes: usize,
}

/// Rows with what became of them.
type Answered = (Vec<StringRecord>, Vec<Outcome>);

/// The import of one file.
struct Run<'a> {
    client: &'a Arc<Client>,
    options: &'a Options,
    source: Arc<Source>,
    progress: Progress,
    rejected: Rejected,
    summary: FileSummary,
    /// At the service, the oldest first
    sent: VecDeque<JoinHandle<Result<Answered>>>,
}

impl<'a> Run<'a> {
    fn new(
        client: &'a Arc<Client>,
        options: &'a Options,
        source: Arc<Source>,
        progress: Progress,
    ) -> Result<Self> {
        let rejected = Rejected::beside(&source.table)?;
        let summary = FileSummary { file: source.layout.file.into(), ..FileSummary::default() };
        let sent = VecDeque::new();
        Ok(Self { client, options, source, progress, rejected, summary, sent })
    }

    /// The summary of the file, and of its nested file where rows of that were refused.
    async fn all(mut self) -> Result<Vec<FileSummary>> {
        let started = Instant::now();
        let source = Arc::clone(&self.source);
        let mut batch = Batch::default();
        for row in source.rows()? {
            let (number, row) = row?;
            if source.superseded.contains(&number) {
                self.summary.superseded += 1;
                self.progress.advance(1, 0);
                continue;
            }
            let id = row.get(source.key).unwrap_or_default();
            match item(&source.table, &row, id, source.nested.as_ref()) {
                Ok(item) => {
                    batch.bytes += item.len();
                    batch.items.push(item);
                    batch.rows.push(row);
                }
                Err(reason) => self.refuse(&row, &reason)?,
            }
            if batch.items.len() >= self.options.batch_size || batch.bytes >= LARGEST_BODY {
                self.send(std::mem::take(&mut batch)).await?;
            }
        }
        self.send(batch).await?;
        while self.settle_oldest().await? {}
        self.progress.finish();
        self.rejected.finish()?;
        self.summary.seconds = started.elapsed().as_secs_f64();
        let orphans = orphans(&source)?;
        Ok([self.summary].into_iter().chain(orphans).collect())
    }

    /// Sends a batch when there is room for one more.
    async fn send(&mut self, batch: Batch) -> Result<()> {
        if batch.items.is_empty() {
            return Ok(());
        }
        let at_once = if self.source.is_tree() { 1 } else { self.options.parallel };
        while self.sent.len() >= at_once {
            self.settle_oldest().await?;
        }
        let client = Arc::clone(self.client);
        let (resource, system) = (self.source.layout.resource, self.options.source_system.clone());
        self.sent.push_back(tokio::spawn(async move {
            let outcomes = client.batch(resource, system.as_deref(), &batch.items).await?;
            Ok((batch.rows, outcomes))
        }));
        Ok(())
    }

    /// Waits for the oldest batch, so that refused rows keep the order of the file. False when
    /// there is none.
    async fn settle_oldest(&mut self) -> Result<bool> {
        let Some(task) = self.sent.pop_front() else { return Ok(false) };
        let lost = |error: tokio::task::JoinError| Error::Answer {
            path: self.source.layout.resource.to_owned(),
            reason: error.to_string(),
        };
        let (rows, outcomes) = task.await.map_err(lost)??;
        let mut failed = 0;
        for (row, outcome) in rows.iter().zip(&outcomes) {
            self.summary.count(outcome);
            if outcome.status == Status::Failed {
                failed += 1;
                let reason = outcome.problem.as_ref().map(|it| self.reason(row, it));
                let reason = reason.unwrap_or_default();
                self.rejected.push(row, &reason)?;
            }
        }
        self.progress.advance(rows.len(), failed);
        Ok(true)
    }

    fn refuse(&mut self, row: &StringRecord, reason: &str) -> Result<()> {
        self.summary.failed += 1;
        self.progress.advance(1, 1);
        self.rejected.push(row, reason)
    }

    /// Why a row was refused, with the names of its own lines.
    fn reason(&self, row: &StringRecord, problem: &Problem) -> String {
        let id = row.get(self.source.key).unwrap_or_default();
        problem.reason(|list, place| {
            let nested = self.source.nested.as_ref().filter(|it| it.nested.field == list)?;
            Some(nested.label(place, &nested.of(id).nth(place)?))
        })
    }
}

/// Refuses the rows of a nested file whose owner is not in the folder: nothing could carry them.
fn orphans(source: &Source) -> Result<Option<FileSummary>> {
    let Some(nested) = &source.nested else { return Ok(None) };
    let mut rejected = Rejected::beside(&nested.table)?;
    let reason = format!("{}: not in {}", nested.nested.owner, source.layout.file);
    for row in nested.orphans() {
        rejected.push(&row, &reason)?;
    }
    let failed = rejected.finish()?;
    let file = nested.nested.file.to_owned();
    Ok((failed > 0).then(|| FileSummary { file, failed, ..FileSummary::default() }))
}
