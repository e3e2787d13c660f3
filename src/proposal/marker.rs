//! What Davit writes into a pull request to know it again: a hidden JSON at the end of the body.
//!
//! Anybody with write access can edit it, so it is handy and never trusted: it opens no gate and runs no command. It
//! only spares writes (`text`), finishes an opening (`fresh`) and tells a person's close from our own (`closed`).

use super::{CloseReason, PullRequest, Text, Wanted};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const START: &str = "<!-- davit:";
const END: &str = " -->";
/// Longest JSON that is read.
const SIZE_LIMIT: usize = 8192;
/// Most openings that are looked at in one body.
const TRIES: usize = 32;
/// Versions remembered.
const HISTORY: usize = 20;
const VERSION: u32 = 1;

/// The marker's content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marker {
    /// Version of this form.
    v: u32,
    /// The update's key.
    pub key: String,
    /// Text of the version proposed now.
    pub target: String,
    /// Versions proposed so far, oldest first, the present one last.
    #[serde(default)]
    pub proposed: Vec<String>,
    /// Hash of the sites.
    #[serde(default)]
    pub sites: String,
    /// Hash of title and body as we last wrote them: they are written again only when what we would write differs, so
    /// a forge that changes white space, or a person who edits, causes no second write.
    #[serde(default)]
    pub text: String,
    /// Labels, assignees and reviewers are not set yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// We closed it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

impl Marker {
    /// The last valid marker of a body, however hostile the rest is.
    pub fn parse(body: &str) -> Option<Self> {
        split(body).map(|(_, marker)| marker)
    }

    fn render(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        // Nothing in it can end the comment or open another: `<`, `>` and the second of two dashes become escapes.
        let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace("--", "-\\u002d");
        format!("{START}{json}{END}")
    }
}

/// The body before the last valid marker, and the marker.
fn split(body: &str) -> Option<(&str, Marker)> {
    let mut end = body.len();
    for _ in 0..TRIES {
        let start = body[..end].rfind(START)?;
        let rest = &body[start + START.len()..];
        if let Some(stop) = rest.find(END).filter(|stop| *stop <= SIZE_LIMIT)
            && let Ok(marker) = serde_json::from_str::<Marker>(&rest[..stop])
            && marker.v == VERSION
        {
            return Some((&body[..start], marker));
        }
        end = start;
    }
    None
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())[..32].to_owned()
}

fn text_hash(text: &Text) -> String {
    hash(&[&text.title, &text.body])
}

/// Which body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// By [`super::Verb::Open`]: labels, assignees and reviewers come after it.
    Fresh,
    /// After them, by `Open` and `FinishOpening`.
    Settled,
    /// By `UpdateInPlace`, `Rebuild` and `RefreshText`: fresh if it was.
    Same,
}

/// The whole body to write for a wanted update: its text and the marker. `before` is the body that the pull request
/// has now (empty for a new one).
pub fn body_to_write(wanted: &Wanted, before: &str, stage: Stage) -> String {
    let old = Marker::parse(before).filter(|m| m.key == wanted.key);
    let mut proposed = old.as_ref().map(|m| m.proposed.clone()).unwrap_or_default();
    proposed.retain(|version| *version != wanted.target);
    proposed.push(wanted.target.clone());
    proposed.drain(..proposed.len().saturating_sub(HISTORY));
    let marker = Marker {
        v: VERSION,
        key: wanted.key.clone(),
        target: wanted.target.clone(),
        proposed,
        sites: wanted.text.sites_hash.clone(),
        text: text_hash(&wanted.text),
        fresh: match stage {
            Stage::Fresh => true,
            Stage::Settled => false,
            Stage::Same => old.is_some_and(|m| m.fresh),
        },
        closed: None,
    };
    format!("{}\n\n{}\n", wanted.text.body.trim_end(), marker.render())
}

/// The body that says that we closed it: what is there now, with the marker changed.
pub fn body_to_close(pull: &PullRequest, reason: CloseReason) -> String {
    let (visible, mut marker) = split(&pull.body).unwrap_or((&pull.body, Marker { v: VERSION, ..Marker::default() }));
    marker.closed = Some(reason.code().to_owned());
    format!("{}\n\n{}\n", visible.trim_end(), marker.render())
}

/// Whether title and body must be written again: what we would write is not what we last wrote.
pub fn text_differs(wanted: &Wanted, pull: &PullRequest) -> bool {
    Marker::parse(&pull.body).is_none_or(|marker| {
        marker.key != wanted.key
            || marker.target != wanted.target
            || marker.sites != wanted.text.sites_hash
            || marker.text != text_hash(&wanted.text)
            || marker.closed.is_some()
    })
}

/// Hash of the places that an update changes, for [`Text::sites_hash`].
pub(super) fn sites_hash(update: &crate::model::Update) -> String {
    let places: Vec<String> = update
        .sites
        .iter()
        .map(|s| {
            let digest = s.digest.as_ref().map(|digest| format!("\n{}", digest.to)).unwrap_or_default();
            format!("{}\n{}\n{}\n{}{digest}", s.site.file, s.site.document, s.site.shown_path(), s.to)
        })
        .collect();
    hash(&places.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
#[path = "marker_tests.rs"]
mod tests;
