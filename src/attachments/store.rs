//! Object store for the bytes of files: a folder, or an S3 bucket. Objects are written once under a
//! unique name and never changed.

use std::env;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use futures_util::stream::BoxStream;
use metrics::{counter, histogram};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, GetOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use platform::{Error, Result};
use uuid::Uuid;

/// Longest time for which a failing bucket is retried while a caller waits.
const PATIENCE: Duration = Duration::from_secs(15);

/// An object of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    File,
    Thumbnail,
}

impl Part {
    fn path(self, blob: Uuid) -> Path {
        let folder = match self {
            Self::File => "files",
            Self::Thumbnail => "thumbnails",
        };
        // The end of the id is random. Its beginning is the time, and one folder would get all
        // files of a day.
        let id = blob.simple().to_string();
        Path::from(format!("{folder}/{}/{id}", &id[id.len() - 2..]))
    }
}

/// The store of this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<dyn ObjectStore>);

/// A store in memory, which ends with the process.
impl Default for Store {
    fn default() -> Self {
        Self(Arc::new(InMemory::new()))
    }
}

impl Store {
    /// Opens a folder, which is created if it is missing, or `s3://bucket/prefix`, with its address
    /// and credentials in the `AWS_…` variables. Errors have one line.
    pub fn open(location: &str) -> Result<Self, String> {
        let wrong =
            |error: String| format!("the attachments in {location} cannot be accessed: {error}");
        let Some(bucket) = location.strip_prefix("s3://") else {
            if location.is_empty() || location.contains("://") {
                return Err(wrong("write a folder or s3://bucket/prefix".to_owned()));
            }
            let folder = FilePath::new(location);
            make_private(folder).map_err(|error| wrong(error.to_string()))?;
            try_to_write(folder).map_err(|error| wrong(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder);
            // Acknowledged files survive a power failure.
            let store = store.map_err(|error| wrong(error.to_string()))?.with_fsync(true);
            return Ok(Self(Arc::new(store)));
        };

        let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
        if bucket.is_empty() {
            return Err("write s3://bucket/prefix".to_owned());
        }
        check_access(|name| env::var(name).ok().filter(|value| !value.is_empty()))?;

        let client = |key| AmazonS3ConfigKey::Client(key);
        let retry = RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..Default::default() };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            // Not every S3 server can delete in bulk, and objects are deleted one by one anyway.
            .with_disable_bulk_delete(true)
            .with_retry(retry)
            // A phone may take minutes to fetch a file, but the bucket must not fall silent
            // meanwhile.
            .with_config(client(ClientConfigKey::Timeout), "15m")
            .with_config(client(ClientConfigKey::ReadTimeout), "20s")
            .build();
        let store = store.map_err(|error| wrong(error.to_string()))?;
        Ok(Self(Arc::new(PrefixStore::new(store, Path::from(prefix)))))
    }

    /// Writes an object, and returns when the bytes are safe.
    pub async fn write(&self, blob: Uuid, part: Part, bytes: Bytes) -> Result<()> {
        let path = part.path(blob);
        measured("write", self.0.put(&path, bytes.into())).await.map(drop)
    }

    /// Returns the bytes of a range as a stream.
    pub async fn read(
        &self,
        blob: Uuid,
        part: Part,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let options = GetOptions::default().with_range(range);
        let found = measured("read", self.0.get_opts(&part.path(blob), options)).await?;
        Ok(found.into_stream())
    }

    /// Returns the size of an object in bytes.
    pub async fn size(&self, blob: Uuid, part: Part) -> Result<u64> {
        Ok(measured("size", self.0.head(&part.path(blob))).await?.size)
    }

    /// Deletes all objects of a blob. Missing objects are no error.
    pub async fn remove(&self, blob: Uuid) -> Result<()> {
        for part in [Part::File, Part::Thumbnail] {
            let path = part.path(blob);
            let removed = async {
                match self.0.delete(&path).await {
                    Err(object_store::Error::NotFound { .. }) => Ok(()),
                    outcome => outcome,
                }
            };
            measured("remove", removed).await?;
        }
        Ok(())
    }
}

/// Creates the folder so that no other user of the machine can read the files.
fn make_private(folder: &FilePath) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut builder = std::fs::DirBuilder::new();
    // Another instance may have created it meanwhile.
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes and deletes a file. A folder of another user or a full or read-only disk is found at the
/// start, not at the first upload.
fn try_to_write(folder: &FilePath) -> std::io::Result<()> {
    let file = folder.join(format!(".try-{}", Uuid::now_v7().simple()));
    std::fs::write(&file, b"?").and_then(|()| std::fs::remove_file(file))
}

/// Checks for credentials in the environment: a key, a token of Kubernetes or of a container, or
/// the metadata address of the machine. Without any, each request would search for that address.
fn check_access(variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let set = |name: &str| variable(name).is_some();
    let others = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_METADATA_ENDPOINT",
    ];
    let key = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(set);
    if key != [true; 2] && (key != [false; 2] || !others.into_iter().any(set)) {
        return Err("set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned());
    }

    let plain = variable("AWS_ALLOW_HTTP").unwrap_or_default();
    if !["", "true", "false", "1", "0"].contains(&&*plain) {
        return Err("AWS_ALLOW_HTTP must be true or false".to_owned());
    }
    match variable("AWS_ENDPOINT").or_else(|| variable("AWS_ENDPOINT_URL")) {
        Some(address) if address.starts_with("http://") && !["true", "1"].contains(&&*plain) => {
            Err("AWS_ENDPOINT has no TLS: write https://…, or set AWS_ALLOW_HTTP=true".to_owned())
        }
        Some(address) if !address.starts_with("http") || !address.contains("://") => {
            Err("write AWS_ENDPOINT with its scheme, such as https://s3.example.com".to_owned())
        }
        _ => Ok(()),
    }
}

async fn measured<T>(
    operation: &'static str,
    work: impl Future<Output = object_store::Result<T>>,
) -> Result<T> {
    let start = Instant::now();
    let outcome = work.await;
    histogram!("attachment_store_seconds", "operation" => operation)
        .record(start.elapsed().as_secs_f64());
    outcome.map_err(|error| {
        counter!("attachment_store_failures_total", "operation" => operation).increment(1);
        Error::unavailable("storage_unavailable").cause(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variables: &[(&str, &str)]) -> Result<(), String> {
        let find = |name: &str| variables.iter().find(|variable| variable.0 == name);
        check_access(|name| find(name).map(|variable| variable.1.to_owned()))
    }

    #[test]
    fn a_bucket_needs_credentials() {
        let key = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let role = [("AWS_METADATA_ENDPOINT", "http://169.254.169.254")];
        assert_eq!(checked(&key), Ok(()));
        assert_eq!(checked(&role), Ok(()));
        assert!(checked(&[]).is_err());
        assert!(checked(&key[..1]).is_err());
        assert!(checked(&[key[1], role[0]]).is_err());
    }

    #[test]
    fn a_server_of_ones_own_has_tls_or_says_that_it_has_none() {
        let at = |endpoint, plain| {
            let key = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
            checked(&[&key[..], &[("AWS_ENDPOINT", endpoint), ("AWS_ALLOW_HTTP", plain)]].concat())
        };
        assert_eq!(at("https://s3.example.com", ""), Ok(()));
        assert_eq!(at("http://127.0.0.1:9000", "true"), Ok(()));
        assert!(at("http://127.0.0.1:9000", "").unwrap_err().contains("AWS_ALLOW_HTTP"));
        assert!(at("http://127.0.0.1:9000", "false").is_err());
        assert!(at("s3.example.com", "").is_err());
        assert!(at("https://s3.example.com", "perhaps").is_err());
    }
}
