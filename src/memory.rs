//! How the process keeps its memory.

use std::process::Command;

/// One heap for all threads, and large pieces given back to the system as soon as they are free
/// (docs/decisions.md). glibc reads them once, when a process begins. The threshold being set, it no
/// longer grows with what is freed, and neither does that of the heap's top, which is given back from
/// 128 KiB on: `MALLOC_TRIM_THRESHOLD_` and `MALLOC_TOP_PAD_` have nothing to add.
const SETTINGS: [(&str, &str); 2] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

/// Begins anew with these settings, unless they are there: however the service is started, it does
/// not keep what its largest batch took. Call it before anything else.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn settle() {
    use std::os::unix::process::CommandExt;

    if SETTINGS.iter().all(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let missing = SETTINGS.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    // The same process goes on: it comes back from here only if that is refused.
    let _ = Command::new(program).arg0(name).args(arguments).envs(missing.copied()).exec();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn settle() {
    let _ = (Command::new, SETTINGS);
}
