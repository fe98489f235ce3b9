//! Metrics of the build and, on Linux, of the process, in the Prometheus format. They are read on
//! request, because nothing counts them in between.

use std::fmt::Write;
use std::fs;

/// Clock ticks per second in `/proc`, on every architecture.
const TICKS: f64 = 100.0;

/// Returns the lines for `/metrics`.
pub fn text() -> String {
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    let info = format!("salesbook_build_info{{version=\"{version}\"}}");
    line(&mut text, &info, "gauge", "The version of this build", 1.0);
    for (name, kind, help, value) in process().unwrap_or_default() {
        line(&mut text, name, kind, help, value);
    }
    text
}

fn line(text: &mut String, metric: &str, kind: &str, help: &str, value: f64) {
    let name = metric.split('{').next().unwrap_or_default();
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{metric} {value}\n");
}

type Metric = (&'static str, &'static str, &'static str, f64);

/// Returns `None` where there is no `/proc`. The names are those of the Prometheus client
/// libraries.
fn process() -> Option<Vec<Metric>> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in parentheses, may contain blanks and parentheses.
    let fields: Vec<f64> = stat
        .rsplit_once(") ")?
        .1
        .split(' ')
        .map(|field| field.trim().parse().unwrap_or_default())
        .collect();
    // proc(5) counts fields from 1, and the first two are cut off.
    let field = |number: usize| fields.get(number - 3).copied();

    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident: f64 = resident.trim().trim_end_matches(" kB").parse().ok()?;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let limit = limit.split_whitespace().next()?.parse().unwrap_or(f64::INFINITY);
    let open = u32::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()?;

    Some(vec![
        (
            "process_cpu_seconds_total",
            "counter",
            "Processor time, user and system",
            (field(14)? + field(15)?) / TICKS,
        ),
        (
            "process_start_time_seconds",
            "gauge",
            "Start of the process, since 1970",
            booted + field(22)? / TICKS,
        ),
        ("process_virtual_memory_bytes", "gauge", "Address space", field(23)?),
        ("process_resident_memory_bytes", "gauge", "Memory in use", resident * 1024.0),
        ("process_threads", "gauge", "Threads", field(20)?),
        ("process_open_fds", "gauge", "Open file descriptors", f64::from(open)),
        ("process_max_fds", "gauge", "Limit of open file descriptors", limit),
    ])
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_measured() {
        let metrics = process().unwrap();

        let value = |name: &str| metrics.iter().find(|metric| metric.0 == name).unwrap().3;
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!(value("process_open_fds") < value("process_max_fds"));
        assert!(value("process_threads") >= 1.0);
        #[expect(clippy::disallowed_methods, reason = "compared with the kernel's clock")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age}");
    }
}
