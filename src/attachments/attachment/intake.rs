//! Intake of uploads: a file is checked and stored before a row refers to it.

use std::fmt::Write;
use std::future::{Ready, ready};
use std::sync::LazyLock;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, block};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, rt};
use aws_lc_rs::digest::{SHA256, digest};
use platform::share::Shares;
use platform::{Actor, Argument, Clock, Db, Error, Result};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use super::blob;
use crate::content_type::ContentType;
use crate::picture::{self, Picture};
use crate::store::{Part, Store};
use crate::upload::Upload;

/// One picture at a time, because decoding 50 million pixels takes hundreds of MB.
static DECODER: Semaphore = Semaphore::const_new(1);

/// One picture per caller waits for the decoder, so that others get their turn after it.
static OWN: LazyLock<Shares> = LazyLock::new(|| Shares::new(1));
/// Longest wait for the decoder.
const WAIT: Duration = Duration::from_secs(20);

/// A file in the store.
#[derive(Debug)]
pub struct Kept {
    pub blob: Uuid,
    pub name: String,
    pub content_type: ContentType,
    pub size: i64,
    pub sha256: String,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub thumbnail: bool,
}

/// Handler argument that takes files in.
pub struct Intake {
    db: Db,
    clock: Clock,
    store: Store,
    caller: Uuid,
}

impl FromRequest for Intake {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");
        let store = req.app_data::<Data<Store>>().expect("the app registers the store");
        let (clock, store) = (clock.get_ref().clone(), store.get_ref().clone());
        let caller = req.extensions().get::<Actor>().map_or(Uuid::nil(), |actor| actor.id);
        let db = Db::from_request(req, payload).into_inner();
        ready(db.map(|db| Self { db, clock, store, caller }))
    }
}

impl Argument for Intake {}

impl Intake {
    /// Checks a file and stores it, unless its bytes are stored already. Runs as a task of its own,
    /// so that a client that disconnects does not interrupt it.
    pub async fn keep(self, file: Upload) -> Result<Kept> {
        rt::spawn(self.take(file)).await.map_err(Error::internal)?
    }

    async fn take(self, Upload { name, bytes, room }: Upload) -> Result<Kept> {
        let (content_type, sha256) = judged(bytes.clone()).await?;
        let picture = looked_into(self.caller, content_type, bytes.clone()).await?;
        let size = i64::try_from(bytes.len()).map_err(Error::internal)?;

        let now = self.clock.now();
        let blob = blob::reserve(&mut *self.db.conn().await?, &sha256, now).await?;
        let pixels = |count: u32| i32::try_from(count).ok();
        let (width, height) = picture
            .as_ref()
            .map_or((None, None), |picture| (pixels(picture.width), pixels(picture.height)));
        let thumbnail = picture.is_some();

        if !blob.stored {
            if let Some(picture) = picture {
                self.store.write(blob.id, Part::Thumbnail, picture.thumbnail.into()).await?;
            }
            self.store.write(blob.id, Part::File, bytes).await?;
        }

        drop(room);
        metrics::counter!("attachment_uploads_total", "content_type" => content_type.as_str())
            .increment(1);
        let name = name.unwrap_or_else(|| format!("file{}", content_type.endings()[0]));
        Ok(Kept { blob: blob.id, name, content_type, size, sha256, width, height, thumbnail })
    }
}

/// Returns the type of the file and the digest of its bytes.
async fn judged(bytes: Bytes) -> Result<(ContentType, String)> {
    let judge = move || {
        let content_type = ContentType::of(&bytes)?;
        let mut sha256 = String::with_capacity(64);
        for byte in digest(&SHA256, &bytes).as_ref() {
            write!(sha256, "{byte:02x}").ok()?;
        }
        Some((content_type, sha256))
    };
    let unsupported = || {
        let known: Vec<&str> = ContentType::ALL.iter().map(|kind| kind.as_str()).collect();
        Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_file")
            .detail(format!("The file type must be one of {}.", known.join(", ")))
    };
    block(judge).await.map_err(Error::internal)?.ok_or_else(unsupported)
}

async fn looked_into(
    caller: Uuid,
    content_type: ContentType,
    bytes: Bytes,
) -> Result<Option<Picture>> {
    let Some(format) = content_type.format() else { return Ok(None) };
    let turn = timeout(WAIT, async {
        let own = OWN.of(caller).acquire_owned().await;
        (own, DECODER.acquire().await)
    });
    let (own, turn) = turn.await.map_err(|_| Error::unavailable("busy_uploading"))?;
    let (_own, _turn) = (own.map_err(Error::internal)?, turn.map_err(Error::internal)?);
    let looked = block(move || picture::look_into(format, &bytes)).await;
    // A decoder that panics has met an invalid picture.
    looked.map_err(|error| picture::unreadable().cause(error))?.map(Some)
}
