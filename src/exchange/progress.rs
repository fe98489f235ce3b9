//! Shows the progress of an import: a bar on a terminal, otherwise a log line every few seconds.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::client::Notice;

/// Interval of the log lines.
const INTERVAL: Duration = Duration::from_secs(5);

const TEMPLATE: &str =
    "{prefix:>20} {bar:30} {pos:>8}/{len} {rate:>8} rows/s  {eta:>4} left  {msg}";

/// The destination of progress messages.
#[derive(Clone)]
pub enum Screen {
    Quiet,
    Terminal(MultiProgress),
    Log,
}

/// The progress of one file.
pub struct Progress {
    screen: Screen,
    bar: ProgressBar,
    file: &'static str,
    rows: usize,
    done: usize,
    failed: usize,
    started: Instant,
    told: Instant,
}

impl Screen {
    pub fn new(quiet: bool) -> Self {
        match quiet {
            true => Self::Quiet,
            false if std::io::stderr().is_terminal() => Self::Terminal(MultiProgress::new()),
            false => Self::Log,
        }
    }

    /// Prints a line without disturbing the progress bars.
    pub fn tell(&self, line: &str) {
        match self {
            Self::Quiet => {}
            // A closed terminal is no reason to stop the import.
            Self::Terminal(bars) => drop(bars.println(line)),
            Self::Log => eprintln!("{line}"),
        }
    }

    pub fn notice(&self) -> Notice {
        let screen = self.clone();
        Arc::new(move |line| screen.tell(line))
    }

    pub fn progress(&self, file: &'static str, rows: usize) -> Progress {
        let bar = match self {
            Self::Terminal(bars) => {
                let bar = bars.add(ProgressBar::new(rows as u64).with_prefix(file));
                bar.set_style(style());
                bar
            }
            _ => ProgressBar::hidden(),
        };
        let now = Instant::now();
        let screen = self.clone();
        Progress { screen, bar, file, rows, done: 0, failed: 0, started: now, told: now }
    }
}

fn style() -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    let style = ProgressStyle::with_template(TEMPLATE);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate)
}

impl Progress {
    /// Adds the numbers of rows that were answered and, among them, refused.
    pub fn advance(&mut self, done: usize, failed: usize) {
        self.done += done;
        self.failed += failed;
        self.bar.inc(done as u64);
        if self.failed > 0 {
            self.bar.set_message(format!("{} failed", self.failed));
        }
        if self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            self.log("");
        }
    }

    pub fn finish(mut self) {
        self.done = self.rows;
        self.bar.finish();
        self.log(", done");
    }

    fn log(&self, end: &str) {
        if let Screen::Log = self.screen {
            let Self { file, rows, done, failed, .. } = self;
            let seconds = self.started.elapsed().as_secs_f64();
            #[allow(clippy::cast_precision_loss, reason = "rounded for people anyway")]
            let rate = *done as f64 / seconds.max(0.001);
            eprintln!("{file}: {done}/{rows} rows, {rate:.0} rows/s, {failed} failed{end}");
        }
    }
}
