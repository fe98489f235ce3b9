//! Settings of the private server that follow the machine. PostgreSQL's own defaults suit a machine
//! with 1 GB; these stay so small that a laptop does not notice them.

use std::fs;
use std::thread;

const MB: u64 = 1 << 20;

/// Settings for this machine, as in `postgresql.conf`.
pub fn settings() -> Vec<(&'static str, String)> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    memory().map_or(vec![], |memory| settings_for(memory, processors))
}

/// Settings for a machine with so many bytes of memory and so many processors.
fn settings_for(memory: u64, processors: usize) -> Vec<(&'static str, String)> {
    let share =
        |part: u64, least: u64, most: u64| format!("{}MB", (memory / part / MB).clamp(least, most));
    // One process of a report helps another only while requests find a processor of their own.
    let helpers = (processors / 2).min(4);
    vec![
        ("shared_buffers", share(16, 64, 1024)),
        ("effective_cache_size", share(2, 256, 1 << 20)),
        ("work_mem", share(1024, 4, 32)),
        ("maintenance_work_mem", share(64, 32, 512)),
        ("max_parallel_workers_per_gather", helpers.to_string()),
        // A bulk load writes more than the default of 1 GB between two checkpoints.
        ("max_wal_size", "2GB".to_owned()),
        // The default of 4 counts on a disk whose head moves.
        ("random_page_cost", "1.1".to_owned()),
        ("huge_pages", "try".to_owned()),
    ]
}

/// The memory that this process may use, in bytes: what the machine has, or less in a container.
fn memory() -> Option<u64> {
    let machine = total(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|limit| limit.trim().parse().ok());
    Some(container.map_or(machine, |limit: u64| machine.min(limit)))
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(memory: u64, processors: usize, name: &str) -> String {
        let settings = settings_for(memory, processors);
        settings.into_iter().find(|setting| setting.0 == name).unwrap().1
    }

    #[test]
    fn follow_the_memory_within_bounds() {
        let names = ["shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem"];
        let all = |memory, processors| names.map(|name| of(memory, processors, name));

        assert_eq!(all(512 * MB, 1), ["64MB", "256MB", "4MB", "32MB"]);
        assert_eq!(all(8 << 30, 4), ["512MB", "4096MB", "8MB", "128MB"]);
        assert_eq!(all(256 << 30, 64), ["1024MB", "131072MB", "32MB", "512MB"]);
    }

    #[test]
    fn helpers_leave_requests_a_processor() {
        let helpers = [1, 2, 4, 64].map(|it| of(8 << 30, it, "max_parallel_workers_per_gather"));
        assert_eq!(helpers, ["0", "1", "2", "4"]);
    }

    #[test]
    fn the_kernel_is_understood() {
        assert_eq!(total("MemTotal:       24683520 kB\nMemFree: 1 kB\n"), Some(24_683_520 << 10));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }
}
