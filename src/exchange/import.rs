//! Imports a folder, one file after the other.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinHandle;

use crate::client::{BatchOptions, Client, Credentials};
use crate::dry_run::AcceptedIds;
use crate::error::{Error, Result};
use crate::folder::{self, Source};
use crate::item::item;
use crate::outcome::{Outcome, Status};
use crate::progress::{Progress, Screen};
use crate::refusal::{Refusal, not_data};
use crate::rejected::Rejected;
use crate::retry_limits::RetryLimits;
use crate::summary::{FileSummary, Summary};
use crate::words::Words;

/// The largest batch that the service accepts, in rows.
const LARGEST_BATCH: usize = 10_000;

/// The largest batch in bytes, well below the service's limit of 32 MiB per request.
const LARGEST_BODY: usize = 8 << 20;

/// The settings of an import.
pub struct Options {
    /// The folder with the files, or one file
    pub path: PathBuf,
    /// The address of the service, such as `http://127.0.0.1:8080`
    pub url: String,
    pub credentials: Credentials,
    /// The source system of the external ids. Default: the client's own.
    pub source_system: Option<String>,
    /// Rows per request, at most 10,000
    pub batch_size: usize,
    /// Number of concurrent requests
    pub parallel: usize,
    /// Show no progress
    pub quiet: bool,
    /// Check everything and change nothing
    pub dry_run: bool,
    pub patience: RetryLimits,
}

impl Options {
    /// The default settings: batches of 1000 rows, two concurrent requests.
    pub fn new(path: impl Into<PathBuf>, url: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            path: path.into(),
            url: url.into(),
            credentials,
            source_system: None,
            batch_size: 1000,
            parallel: 2,
            quiet: false,
            dry_run: false,
            patience: RetryLimits::default(),
        }
    }
}

/// Imports a folder. Refused rows do not stop the import: they are counted as failed and written
/// with their reasons to `<file>.rejected.csv`.
pub async fn import(options: &Options) -> Result<Summary> {
    if !(1..=LARGEST_BATCH).contains(&options.batch_size) {
        return Err(Error::Option(format!("a batch has 1 to {LARGEST_BATCH} rows")));
    }
    if options.parallel == 0 {
        return Err(Error::Option("at least one request at a time is needed".into()));
    }
    let started = Instant::now();

    let screen = Screen::new(options.quiet);
    let (sources, warnings) = folder::open(&options.path)?;
    for line in &warnings {
        screen.tell(line);
    }

    let (url, credentials) = (&options.url, options.credentials.clone());
    let client = Client::connect_with(url, credentials, screen.notice(), options.patience).await?;
    let client = Arc::new(client);

    let mut summary = Summary { dry_run: options.dry_run, ..Summary::default() };
    let mut taken = options.dry_run.then(AcceptedIds::default);
    for source in sources {
        let progress = screen.progress(source.layout.file, source.table.len());
        let run = Run::new(&client, options, source, progress, &mut taken)?;
        summary.files.extend(run.all().await?);
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}

/// Rows for the next request: their items and their indexes in the file.
#[derive(Default)]
struct Batch {
    items: Vec<String>,
    rows: Vec<usize>,
    bytes: usize,
}

/// Indexes of rows, and their outcomes.
type Answered = (Vec<usize>, Vec<Outcome>);

/// The import of one file.
struct Run<'a> {
    client: &'a Arc<Client>,
    options: &'a Options,
    source: Source,
    progress: Progress,
    rejected: Rejected,
    /// Rows of the nested file: those of refused rows, and those without an owner
    rejected_nested: Option<Rejected>,
    summary: FileSummary,
    /// The accepted rows of a dry run; `None` in a real import
    taken: &'a mut Option<AcceptedIds>,
    /// Requests that have not been answered yet, the oldest first
    sent: VecDeque<JoinHandle<Result<Answered>>>,
}

impl<'a> Run<'a> {
    fn new(
        client: &'a Arc<Client>,
        options: &'a Options,
        source: Source,
        progress: Progress,
        taken: &'a mut Option<AcceptedIds>,
    ) -> Result<Self> {
        let rejected = Rejected::beside(&source.table, options.dry_run)?;
        let nested = source.nested.as_ref();
        let rejected_nested =
            nested.map(|nested| Rejected::beside(&nested.table, options.dry_run)).transpose()?;
        let summary = FileSummary { file: source.layout.file.into(), ..FileSummary::default() };
        let sent = VecDeque::new();
        Ok(Self {
            client,
            options,
            source,
            progress,
            rejected,
            rejected_nested,
            summary,
            taken,
            sent,
        })
    }

    /// Imports the file. Returns its summary, and that of the nested file if some of its rows had
    /// no owner.
    async fn all(mut self) -> Result<Vec<FileSummary>> {
        let started = Instant::now();
        let mut batch = Batch::default();
        for at in self.source.order() {
            if self.source.repeated.contains(&at) {
                self.summary.superseded += 1;
                self.progress.advance(1, 0);
                continue;
            }
            match item(&self.source, at) {
                Ok(item) => {
                    batch.bytes += item.len();
                    batch.items.push(item);
                    batch.rows.push(at);
                }
                Err(refusal) => {
                    self.summary.failed += 1;
                    self.progress.advance(1, 1);
                    self.refuse(at, &refusal)?;
                }
            }
            if batch.items.len() >= self.options.batch_size || batch.bytes >= LARGEST_BODY {
                self.send(std::mem::take(&mut batch)).await?;
            }
        }
        self.send(batch).await?;
        while self.settle_oldest().await? {}

        let orphans = self.orphans()?;
        self.progress.finish();
        self.rejected.finish()?;
        if let Some(rejected) = self.rejected_nested {
            rejected.finish()?;
        }
        self.summary.seconds = started.elapsed().as_secs_f64();
        Ok([self.summary].into_iter().chain(orphans).collect())
    }

    /// Sends a batch as soon as the number of concurrent requests allows it.
    async fn send(&mut self, batch: Batch) -> Result<()> {
        if batch.items.is_empty() {
            return Ok(());
        }

        // Parents must be stored before the batch with their children is sent.
        let at_once = if self.source.is_tree() { 1 } else { self.options.parallel };
        while self.sent.len() >= at_once {
            self.settle_oldest().await?;
        }
        let client = Arc::clone(self.client);
        let resource = self.source.layout.resource;
        let options = BatchOptions {
            source_system: self.options.source_system.clone(),
            dry_run: self.options.dry_run,
            language: self.source.table.language,
        };
        self.sent.push_back(tokio::spawn(async move {
            let outcomes = client.batch_with(resource, &options, &batch.items).await?;
            Ok((batch.rows, outcomes))
        }));
        Ok(())
    }

    /// Waits for the oldest batch, so that refused rows keep the order of the file. Returns
    /// `false` if no batch is left.
    async fn settle_oldest(&mut self) -> Result<bool> {
        let Some(task) = self.sent.pop_front() else { return Ok(false) };
        let lost = |error: tokio::task::JoinError| Error::Answer {
            path: self.source.layout.resource.to_owned(),
            reason: error.to_string(),
        };
        let (rows, outcomes) = task.await.map_err(lost)??;

        let (count, mut failed) = (rows.len(), 0);
        for (at, mut outcome) in rows.into_iter().zip(outcomes) {
            if let Some(taken) = self.taken.as_mut() {
                taken.settle(&self.source, at, &mut outcome);
            }
            self.summary.count(&outcome);
            if outcome.status == Status::Failed {
                failed += 1;
                let problem = outcome.problem.unwrap_or_default();
                self.refuse(at, &Refusal::of(&problem, &self.source))?;
            }
        }
        self.progress.advance(count, failed);
        Ok(true)
    }

    /// Writes a refused row together with all rows of its list, so that both can be corrected and
    /// imported again.
    fn refuse(&mut self, at: usize, refusal: &Refusal) -> Result<()> {
        let table = &self.source.table;
        let mut reasons = refusal.own.clone();
        if let (Some(nested), Some(rejected)) = (&self.source.nested, &mut self.rejected_nested) {
            let row = table.row(at);
            let id = row.get(self.source.key).unwrap_or_default();
            for (place, line) in nested.places(id).enumerate() {
                let faults = refusal.nested.iter().filter(|fault| fault.0 == place);
                let faults: Vec<Words> = faults.map(|fault| fault.1.clone()).collect();
                let label = nested.label(place, &nested.table.row(line));
                reasons.extend(faults.iter().map(|words| words.clone().below(&label, &label)));
                // Rows with the same id share their lines, which are written once.
                if self.source.conflicts.get(&at).is_some_and(|other| *other < at) {
                    continue;
                }
                let alone =
                    [Words::new("the row that it belongs to was refused", "所属的行被拒绝")];
                let faults = if faults.is_empty() { &alone[..] } else { &faults };
                rejected.push(&nested.table, line, faults)?;
            }
        }

        self.rejected.push(table, at, &reasons)
    }

    /// Refuses the rows of the nested file whose owner is not in the folder: they can only be sent
    /// as part of it.
    fn orphans(&mut self) -> Result<Option<FileSummary>> {
        let (Some(nested), Some(rejected)) = (&self.source.nested, &mut self.rejected_nested)
        else {
            return Ok(None);
        };
        let (table, owner) = (&nested.table, nested.nested.owner);
        let (heading, file) = (table.heading(owner), self.source.table.name());
        let key = table.place(owner).unwrap_or_default();

        let orphans = nested.orphans();
        for at in &orphans {
            let missing = || {
                let words = Words::new(format!("not in {file}"), format!("{file} 中没有"));
                words.below(heading, heading)
            };
            let reason = not_data(table, *at, key).unwrap_or_else(missing);
            rejected.push(table, *at, &[reason])?;
        }

        let (file, failed) = (nested.nested.file.to_owned(), orphans.len());
        Ok((failed > 0).then(|| FileSummary { file, failed, ..FileSummary::default() }))
    }
}
