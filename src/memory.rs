//! Memory settings of the process.

/// One heap for all threads, whose free pages go back to the system within a second
/// (docs/decisions.md). jemalloc reads the setting once, when a process starts.
const SETTING: (&str, &str) =
    ("_RJEM_MALLOC_CONF", "background_thread:true,narenas:1,dirty_decay_ms:200,muzzy_decay_ms:0");

/// Restarts the program with this setting, unless the environment has another one, so that the
/// service does not keep the memory that its largest batch took. Must be called first.
#[cfg(target_os = "linux")]
pub fn settle() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    let (name, value) = SETTING;
    if std::env::var_os(name).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let program_name = arguments.next().unwrap_or_default();
    // Replaces the program within the same process, and returns only if that fails.
    let _ = Command::new(program).arg0(program_name).args(arguments).env(name, value).exec();
}

#[cfg(not(target_os = "linux"))]
pub fn settle() {
    let _ = SETTING;
}
