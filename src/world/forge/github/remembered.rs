//! Answers that the forge need not give twice: by URL, with their ETags, packed, and bounded by bytes. When it is full,
//! what nobody asked for in a while goes first; what is polled stays, and a new answer that finds no room is not kept:
//! lists are polled in turn, so that making room for each would push out the very next one.

use super::client::Answer;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::io::Read as _;

/// Most bytes of all answers together, as they are kept.
const LIMIT: usize = 16 << 20;
/// Largest answer that is kept, in bytes.
const BODY: usize = 8 << 20;
/// What nobody asked for in so long makes room.
const IDLE: SignedDuration = SignedDuration::from_hours(2);
/// What an entry takes beside its texts.
const ENTRY: usize = 200;

/// The answers.
#[derive(Default)]
pub(super) struct Remembered {
    answers: HashMap<String, Kept>,
    bytes: usize,
}

struct Kept {
    etag: HeaderValue,
    packed: Box<[u8]>,
    next: Option<String>,
    used: Timestamp,
}

impl Kept {
    fn cost(&self, url: &str) -> usize {
        ENTRY + url.len() + self.etag.len() + self.packed.len() + self.next.as_ref().map_or(0, String::len)
    }
}

impl Remembered {
    /// The answer, where it is known.
    pub(super) fn get(&mut self, url: &str, now: Timestamp) -> Option<(HeaderValue, Answer)> {
        let kept = self.answers.get_mut(url)?;
        kept.used = now;
        let mut body = String::new();
        DeflateDecoder::new(&*kept.packed).read_to_string(&mut body).ok()?;
        Some((kept.etag.clone(), Answer { body, next: kept.next.clone() }))
    }

    /// Keeps an answer, where there is room.
    pub(super) fn put(&mut self, url: String, etag: HeaderValue, answer: &Answer, now: Timestamp) {
        if let Some(old) = self.answers.remove(&url) {
            self.bytes -= old.cost(&url);
        }
        let mut packed = Vec::new();
        let all = DeflateEncoder::new(answer.body.as_bytes(), Compression::fast()).read_to_end(&mut packed);
        if answer.body.len() > BODY || all.is_err() {
            return;
        }
        let kept = Kept { etag, packed: packed.into(), next: answer.next.clone(), used: now };
        let cost = kept.cost(&url);
        if self.bytes + cost > LIMIT {
            self.forget_idle(now);
        }
        if self.bytes + cost <= LIMIT {
            self.bytes += cost;
            self.answers.insert(url, kept);
        }
    }

    fn forget_idle(&mut self, now: Timestamp) {
        let bytes = &mut self.bytes;
        self.answers.retain(|url, kept| {
            let stays = now.duration_since(kept.used) < IDLE;
            if !stays {
                *bytes -= kept.cost(url);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, HeaderValue, LIMIT, Remembered, SignedDuration, Timestamp};
    use sha2::{Digest, Sha256};

    fn answer(body: String) -> Answer {
        Answer { body, next: None }
    }

    /// A text that does not get smaller by packing.
    fn noise(number: u64) -> String {
        let block =
            |i: u64| hex::encode(Sha256::digest((number, i).0.wrapping_mul(1000).wrapping_add(i).to_le_bytes()));
        (0..4000).map(block).collect()
    }

    #[test]
    fn a_thousand_polled_lists_are_all_remembered() {
        let (mut cache, now) = (Remembered::default(), Timestamp::UNIX_EPOCH);
        let etag = HeaderValue::from_static("\"a\"");
        for round in 0..2 {
            for number in 0..2000 {
                let url = format!("https://api.github.com/repos/acme/{number}/pulls");
                assert_eq!(cache.get(&url, now).is_some(), round == 1, "{url}");
                cache.put(url, etag.clone(), &answer(format!("[{number}]")), now);
            }
        }
        assert_eq!(cache.get("https://api.github.com/repos/acme/7/pulls", now).unwrap().1.body, "[7]");
    }

    #[test]
    fn its_bytes_are_bounded_what_is_polled_stays_and_what_nobody_asks_for_goes() {
        let mut cache = Remembered::default();
        let etag = HeaderValue::from_static("\"a\"");
        let mut now = Timestamp::UNIX_EPOCH;
        let poll = |cache: &mut Remembered, range: std::ops::Range<u64>, now: Timestamp| {
            let mut hits = 0;
            for number in range {
                let url = number.to_string();
                hits += usize::from(cache.get(&url, now).is_some());
                cache.put(url, etag.clone(), &answer(noise(number)), now);
                assert!(cache.bytes <= LIMIT, "{}", cache.bytes);
            }
            hits
        };
        poll(&mut cache, 0..200, now);
        assert!(cache.answers.len() < 200, "more than there is room for");
        let (kept, hits) = (cache.answers.len(), poll(&mut cache, 0..200, now));
        assert_eq!(hits, kept, "in turn, and still what is kept is found");
        now += SignedDuration::from_hours(3);
        poll(&mut cache, 1000..1010, now);
        assert_eq!(poll(&mut cache, 1000..1010, now), 10);
        let sum: usize = cache.answers.iter().map(|(url, kept)| kept.cost(url)).sum();
        assert_eq!(sum, cache.bytes);
    }
}
