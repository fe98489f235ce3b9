//! Values of settings: their parsers, and the one-line message for a wrong value.

use std::ops::RangeInclusive;
use std::{fs, io};

use access::Role;
use actix_web::http::Uri;
use auth::password;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::config::Cli;

/// Fewest characters of `SALESBOOK_SECRET`. A shorter one could be guessed from a copy of the
/// database.
const SHORTEST_SECRET: usize = 16;

/// Reads a secret. `-` reads a line of the standard input and `file:PATH` the first line of a file,
/// because arguments are visible to every user of the machine.
pub fn secret(given: &str) -> Result<String, String> {
    let mut line = String::new();
    if given == "-" {
        io::stdin().read_line(&mut line).map_err(|error| error.to_string())?;
    } else if let Some(path) = given.strip_prefix("file:") {
        line = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    } else if given.is_empty() {
        return Err("the value is empty; set a value or remove the setting".to_owned());
    } else {
        return Ok(given.to_owned());
    }
    let secret = line.lines().next().map(str::trim).filter(|secret| !secret.is_empty());
    secret.map(str::to_owned).ok_or_else(|| "the file or the input contains no secret".to_owned())
}

pub fn database_url(given: &str) -> Result<String, String> {
    let url = secret(given)?;
    platform::db::check(&url)?;
    Ok(url)
}

/// Reads the secret from which keys are derived.
pub fn master_secret(given: &str) -> Result<String, String> {
    let wrong = || format!("write at least {SHORTEST_SECRET} characters at random");
    Some(secret(given)?).filter(|text| text.chars().count() >= SHORTEST_SECRET).ok_or_else(wrong)
}

pub fn admin_password(given: &str) -> Result<String, String> {
    let wrong = || format!("write {}", password::RULE);
    let strong = |text: &String| password::check(text, Some("admin")).is_ok();
    Some(secret(given)?).filter(strong).ok_or_else(wrong)
}

/// Returns a parser for whole numbers in a range.
pub fn whole<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |given| {
        let number = given.parse().ok().filter(|number| range.contains(number));
        let wrong = || format!("write a whole number from {} to {}", range.start(), range.end());
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(wrong)
    }
}

/// Returns a parser for names of at most `most` characters.
pub fn name(most: usize) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |given| {
        let good = !given.trim().is_empty()
            && given.chars().count() <= most
            && !given.chars().any(char::is_control);
        let wrong = || format!("write 1 to {most} characters, none of them a control character");
        good.then(|| given.to_owned()).ok_or_else(wrong)
    }
}

pub fn boolean(given: &str) -> Result<bool, String> {
    match given.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

/// Parses an address with its port. Host names are resolved only when the service listens.
pub fn address(given: &str) -> Result<String, String> {
    let parts = given.rsplit_once(':').filter(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty() && (bracketed || !host.contains(':')) && port.parse::<u16>().is_ok()
    });
    let wrong = || "write an address and a port, such as 127.0.0.1:8080 or [::]:8080".to_owned();
    parts.map(|_| given.to_owned()).ok_or_else(wrong)
}

/// Parses a web address. The flag is true if nothing follows the authority.
fn web(given: &str) -> Option<(Uri, bool)> {
    let uri: Uri = given.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let good = matches!(scheme, "http" | "https") && !authority.as_str().contains('@');
    let bare = given.len() == scheme.len() + "://".len() + authority.as_str().len();
    (good && !authority.host().is_empty()).then_some((uri, bare))
}

/// Parses the origin of a web page, exactly as browsers send it.
pub fn origin(given: &str) -> Result<String, String> {
    let good = web(given).is_some_and(|(_, bare)| bare) && given.to_lowercase() == given;
    let wrong =
        "write scheme and host in lower case and no path, such as https://sales.example.com";
    good.then(|| given.to_owned()).ok_or_else(|| wrong.to_owned())
}

pub fn url(given: &str) -> Result<String, String> {
    let wrong = || "write the address of a service, such as http://127.0.0.1:8080".to_owned();
    web(given).map(|_| given.to_owned()).ok_or_else(wrong)
}

pub fn role(given: &str) -> Result<Role, String> {
    let known = Role::ALL.iter().copied().find(|role| role.as_str() == given);
    let all: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    known.ok_or_else(|| format!("unknown role; write {}", all.join(", ")))
}

/// Parses a log filter. Words that are no levels are refused, because they would count as modules.
pub fn log(given: &str) -> Result<String, String> {
    let level = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    let good = given.split(',').all(level) && EnvFilter::try_new(given).is_ok();
    let wrong = "write error, warn, info, debug, trace or off, or a level per module, such as \
                 info,salesbook=debug";
    good.then(|| given.to_owned()).ok_or_else(|| wrong.to_owned())
}

/// Returns the one-line message for a wrong value of a setting: its variable, its option, and the
/// valid values. `None` for other errors of the command line, which clap explains itself.
pub fn refusal(command: &str, error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else { return None };
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };

    let mut cli = Cli::command();
    // Arguments know how they are written only after the build.
    cli.build();
    let mut arguments = cli.find_subcommand(command)?.get_arguments();
    let argument = arguments.find(|argument| argument.to_string() == *name)?;

    let (variable, option) = (argument.get_env()?.to_string_lossy(), argument.get_long()?);
    let told = if argument.is_hide_env_values_set() { "" } else { &format!("={value}") };
    let right = match (std::error::Error::source(error), error.get(ContextKind::ValidValue)) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(ContextValue::Strings(valid))) => format!("write {}", valid.join(" or ")),
        _ => "the value is empty; set a value or remove the setting".to_owned(),
    };
    Some(format!("{variable}{told} (option --{option}): {right}"))
}

/// Returns the variable that sets a member of a request body, for faults of the commands.
pub fn variable_of(pointer: &str) -> String {
    format!("SALESBOOK_{}", pointer.trim_start_matches('/').to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_a_file() {
        let path = std::env::temp_dir().join(format!("salesbook-secret-{}", std::process::id()));
        let named = format!("file:{}", path.display());

        assert_eq!(secret("as it is"), Ok("as it is".to_owned()));
        assert!(secret(&named).unwrap_err().contains("salesbook-secret"), "there is none yet");
        fs::write(&path, "abc-_123\n").unwrap();
        assert_eq!(secret(&named), Ok("abc-_123".to_owned()));
        fs::write(&path, "\n").unwrap();
        assert!(secret(&named).is_err());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        for good in ["https://sales.example.com", "http://localhost:3000", "http://[::1]:3000"] {
            assert_eq!(origin(good), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "*",
            "sales.example.com",
            "localhost:3000",
            "https://",
            "https://sales.example.com/",
            "https://sales.example.com/app",
            "https://a@sales.example.com",
            "https://Sales.example.com",
            "ftp://sales.example.com",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        for good in ["127.0.0.1:8080", "localhost:0", "[::]:8080", "0.0.0.0:65535"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:65536", "::1:80", "http://a:80/"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
