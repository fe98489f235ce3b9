//! Replaces `external:<source>:<id>` in the path and in the parameter `id` by our own ids, through
//! the visible look-up of the collection: a merged customer's leads to the winner, and what the caller
//! may not see is like what is not there.

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpMessage};
use auth::Caller;
use auth::reference::Wanted;
use platform::external::{SentUri, parse, parse_segment};
use platform::{Db, Error, Result};
use uuid::Uuid;

use crate::collections;

/// No row has it: the answer is that of an unknown id.
const NOBODY: Uuid = Uuid::nil();

/// Most ids in a path: the operations have two. Each is a look-up of its own.
const MOST_SEGMENTS: usize = 2;

type Key = (String, String);

pub async fn replace(req: &mut ServiceRequest) -> Result<()> {
    let uri = req.uri().clone();
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let text = [path, query].join("?").to_ascii_lowercase();
    let caller = req.extensions().get::<Caller>().cloned();
    let Some(caller) =
        caller.filter(|_| text.contains("external:") || text.contains("external%3a"))
    else {
        return Ok(());
    };
    let look_up = LookUp { req, caller: &caller };

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
    // A repeated list is one list, and one look-up.
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

/// The words of `id=…` if one of them is external.
fn ids_of(pair: &str) -> Option<Vec<String>> {
    let pairs = Query::<Vec<(String, String)>>::from_query(pair).ok()?;
    let (_, text) = pairs.iter().find(|(name, _)| name == "id")?;
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    words.iter().any(|word| parse(word).is_some()).then_some(words)
}

struct LookUp<'a> {
    req: &'a ServiceRequest,
    caller: &'a Caller,
}

impl LookUp<'_> {
    /// `id=…` with our own ids only.
    async fn list(&self, collection: &str, words: &[String]) -> Result<String> {
        let keys: Vec<Key> = words.iter().filter_map(|word| parse(word)).collect();
        let mut ids = self.ids(collection, &keys).await?.into_iter();
        let own = |word: &String| match parse(word) {
            Some(_) => ids.next().unwrap_or(NOBODY).to_string(),
            // What is no id at all is for the parameter's own check to refuse.
            None => word.parse().map_or("invalid".into(), |id: Uuid| id.to_string()),
        };
        Ok(format!("id={}", words.iter().map(own).collect::<Vec<_>>().join(",")))
    }

    async fn ids(&self, collection: &str, keys: &[Key]) -> Result<Vec<Uuid>> {
        let Some(find) = collections::find(collection) else {
            return Ok(vec![NOBODY; keys.len()]);
        };
        let db = Db::extract(self.req.request()).await?;
        let wanted = Wanted { external: keys.iter().cloned().collect(), ..Wanted::default() };
        let found = find(&mut *db.conn().await?, self.caller, &wanted).await?;
        Ok(keys.iter().map(|key| found.named(key).unwrap_or(NOBODY)).collect())
    }
}
