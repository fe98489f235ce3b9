//! Where the bytes of files lie: a folder, or a bucket that speaks S3. Objects are written once
//! under a name of their own and never changed.

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

/// How long a bucket that fails is asked again, while a caller waits.
const PATIENCE: Duration = Duration::from_secs(15);

/// A part of what is stored of one blob.
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
        // The end of the id: its beginning is the time, and one folder would take all of a day.
        let id = blob.simple().to_string();
        Path::from(format!("{folder}/{}/{id}", &id[id.len() - 2..]))
    }
}

/// The store of this process; a copy is the same store.
#[derive(Debug, Clone)]
pub struct Store(Arc<dyn ObjectStore>);

/// In memory, for as long as the process lives.
impl Default for Store {
    fn default() -> Self {
        Self(Arc::new(InMemory::new()))
    }
}

impl Store {
    /// A folder, made if it is missing, or `s3://bucket/prefix` with the `AWS_…` variables that
    /// say where and as whom. The error names what is wrong in one line.
    pub fn open(location: &str) -> Result<Self, String> {
        let wrong =
            |error: String| format!("the attachments in {location} are out of reach: {error}");
        let Some(bucket) = location.strip_prefix("s3://") else {
            let folder = FilePath::new(location);
            make_private(folder).map_err(|error| wrong(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder);
            // What has been acknowledged survives a power failure.
            let store = store.map_err(|error| wrong(error.to_string()))?.with_fsync(true);
            return Ok(Self(Arc::new(store)));
        };
        let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
        let client = |key| AmazonS3ConfigKey::Client(key);
        let retry = RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..Default::default() };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            // Not all that speak S3 know how to delete in bulk, and we delete one by one.
            .with_disable_bulk_delete(true)
            .with_retry(retry)
            // A phone may take minutes to fetch a file, the bucket may not fall silent meanwhile.
            .with_config(client(ClientConfigKey::Timeout), "15m")
            .with_config(client(ClientConfigKey::ReadTimeout), "20s")
            .build();
        let store = store.map_err(|error| wrong(error.to_string()))?;
        Ok(Self(Arc::new(PrefixStore::new(store, Path::from(prefix)))))
    }

    /// Returns when the bytes are safe.
    pub async fn write(&self, blob: Uuid, part: Part, bytes: Bytes) -> Result<()> {
        let path = part.path(blob);
        measured("write", self.0.put(&path, bytes.into())).await.map(drop)
    }

    /// The bytes of a range, as they come.
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

    /// How many bytes there are.
    pub async fn size(&self, blob: Uuid, part: Part) -> Result<u64> {
        Ok(measured("size", self.0.head(&part.path(blob))).await?.size)
    }

    /// All of a blob; what is gone already is no error.
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

/// Nobody else on the machine reads what salespeople photograph.
fn make_private(folder: &FilePath) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut builder = std::fs::DirBuilder::new();
    // Another instance may have made it meanwhile.
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
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
