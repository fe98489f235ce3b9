//! Replaces `external:<source>:<id>` in the path and in the parameter `id` by our own ids, with the
//! lookup of the collection. The external id of a merged customer leads to the surviving one, and
//! rows that the caller may not see count as missing.

use access::Caller;
use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpMessage};
use intake::reference::Wanted;
use platform::external::{SentUri, parse, parse_segment};
use platform::{Db, Error, Result};
use sync::find_in;
use uuid::Uuid;

/// An id that no row has. It replaces unknown external ids, so that the answer is that of an
/// unknown id.
const NOBODY: Uuid = Uuid::nil();

/// Maximum number of external ids that are replaced in a path, because each needs a lookup of its
/// own. No operation has more than two ids.
const MOST_SEGMENTS: usize = 2;

type Key = (String, String);

/// Replaces the external ids in a request, and stores the original URI in it.
pub async fn replace(req: &mut ServiceRequest) -> Result<()> {
    let uri = req.uri().clone();
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());

    // A cheap test on the text of the URI, because most requests have no external id. Without a
    // caller nothing may be looked up.
    let text = [path, query].join("?").to_ascii_lowercase();
    let caller = req.extensions().get::<Caller>().cloned();
    let Some(caller) =
        caller.filter(|_| text.contains("external:") || text.contains("external%3a"))
    else {
        return Ok(());
    };
    let look_up = Lookup { req, caller: &caller };

    let segments: Vec<&str> = path.split('/').collect();
    let (mut replaced, mut count) = (Vec::<String>::new(), 0);
    for (at, segment) in segments.iter().enumerate() {
        let key = parse_segment(segment);
        count += usize::from(key.is_some());
        replaced.push(match key {
            Some(key) if count <= MOST_SEGMENTS => {
                look_up.ids(segments[at.saturating_sub(1)], &[key]).await?[0].to_string()
            }
            _ => (*segment).to_owned(),
        });
    }

    // A list parameter that is repeated counts as one list, and needs one lookup.
    let (mut pairs, mut words) = (Vec::<String>::new(), vec![]);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match ids_of(pair) {
            Some(more) => words.extend(more),
            None => pairs.push(pair.to_owned()),
        }
    }
    if !words.is_empty() {
        pairs.push(look_up.list(segments.last().unwrap_or(&""), &words).await?);
    }

    let mark = if pairs.is_empty() { "" } else { "?" };
    let text = [&replaced.join("/"), mark, &pairs.join("&")].concat();
    let new: Uri = text.parse().map_err(Error::internal)?;
    req.match_info_mut().get_mut().update(&new);
    req.head_mut().uri = new;
    req.extensions_mut().insert(SentUri(uri));
    Ok(())
}

/// Returns the values of `id=…` if one of them is an external id.
fn ids_of(pair: &str) -> Option<Vec<String>> {
    let pairs = Query::<Vec<(String, String)>>::from_query(pair).ok()?;
    let (_, text) = pairs.iter().find(|(name, _)| name == "id")?;
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    words.iter().any(|word| parse(word).is_some()).then_some(words)
}

/// The lookup of external ids for a request.
struct Lookup<'a> {
    req: &'a ServiceRequest,
    caller: &'a Caller,
}

impl Lookup<'_> {
    /// Returns `id=…` with our own ids only.
    async fn list(&self, collection: &str, words: &[String]) -> Result<String> {
        let keys: Vec<Key> = words.iter().filter_map(|word| parse(word)).collect();
        let mut ids = self.ids(collection, &keys).await?.into_iter();
        let own = |word: &String| match parse(word) {
            Some(_) => ids.next().unwrap_or(NOBODY).to_string(),
            // A value that is not an id is refused later, by the validation of the parameter.
            None => word.parse().map_or("invalid".into(), |id: Uuid| id.to_string()),
        };
        Ok(format!("id={}", words.iter().map(own).collect::<Vec<_>>().join(",")))
    }

    /// Looks up external ids in a collection. Unknown ones become [`NOBODY`].
    async fn ids(&self, collection: &str, keys: &[Key]) -> Result<Vec<Uuid>> {
        let Some(find) = find_in(collection) else {
            return Ok(vec![NOBODY; keys.len()]);
        };
        let db = Db::extract(self.req.request()).await?;
        let wanted = Wanted { external: keys.iter().cloned().collect(), ..Wanted::default() };
        let found = find(&mut *db.conn().await?, self.caller, &wanted).await?;
        Ok(keys.iter().map(|key| found.named(key).unwrap_or(NOBODY)).collect())
    }
}
