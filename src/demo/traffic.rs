//! What a service on loopback was asked and what it answered, so that tests can count writes and validate every
//! exchange. Keeps no credentials: the `authorization` header is not recorded.

use super::serve::{Reply, Request};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many exchanges are kept; older ones are forgotten.
const KEPT: usize = 20_000;
/// Bodies above this size are not kept, in bytes.
const MAX_KEPT_BODY: usize = 4 * 1024 * 1024;

/// One request and, once there is one, its reply.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Counts from 0 over the life of the server.
    pub number: u64,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as sent.
    pub path: String,
    /// Decoded query parameters.
    pub query: Vec<(String, String)>,
    /// Request body.
    pub body: bytes::Bytes,
    /// `accept`, `if-none-match`, `user-agent` and the like; never `authorization`.
    pub headers: Vec<(String, String)>,
    /// Status of the reply; nothing while there is none, or where the connection was cut.
    pub status: Option<u16>,
    /// Headers of the reply.
    pub reply_headers: Vec<(String, String)>,
    /// Body of the reply.
    pub reply: bytes::Bytes,
    /// An injected fault took part: the reply is not the service's own.
    pub faulted: bool,
}

impl Exchange {
    /// The request body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it asks for a change (anything but GET, HEAD and OPTIONS).
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// The record of a server.
#[derive(Debug, Default)]
pub struct Traffic {
    kept: Mutex<Record>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Record {
    next: u64,
    exchanges: VecDeque<Exchange>,
}

impl Traffic {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Everything kept, oldest first.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().exchanges.iter().cloned().collect()
    }

    /// What asked for a change, oldest first.
    pub fn writes(&self) -> Vec<Exchange> {
        self.lock().exchanges.iter().filter(|e| e.is_write()).cloned().collect()
    }

    /// How many requests match; an empty method matches all, and the path is a regular expression (found anywhere).
    pub fn count(&self, method: &str, path: &str) -> usize {
        let Ok(path) = regex::Regex::new(path) else { return 0 };
        let matches = |e: &&Exchange| (method.is_empty() || e.method == method) && path.is_match(&e.path);
        self.lock().exchanges.iter().filter(matches).count()
    }

    /// Waits until at least `count` requests match (see [`Traffic::count`]), at most as long as `limit`; tells whether.
    /// A request counts from its arrival, also while it hangs.
    pub fn wait(&self, method: &str, path: &str, count: usize, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            if self.count(method, path) >= count {
                return true;
            }
            let now = Instant::now();
            if now >= end {
                return false;
            }
            let pause = (end - now).min(Duration::from_millis(50));
            drop(self.changed.wait_timeout(self.lock(), pause));
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().exchanges.clear();
    }

    pub(super) fn arrived(&self, request: &Request) -> u64 {
        let mut record = self.lock();
        let number = record.next;
        record.next += 1;
        if record.exchanges.len() >= KEPT {
            record.exchanges.pop_front();
        }
        let headers = request.headers.iter().filter(|(name, _)| *name != http::header::AUTHORIZATION);
        record.exchanges.push_back(Exchange {
            number,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            body: kept(&request.body),
            headers: headers
                .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                .collect(),
            status: None,
            reply_headers: Vec::new(),
            reply: bytes::Bytes::new(),
            faulted: false,
        });
        drop(record);
        self.changed.notify_all();
        number
    }

    pub(super) fn answered(&self, number: u64, reply: &Reply) {
        self.update(number, |exchange| {
            exchange.status = Some(reply.status);
            exchange.reply_headers.clone_from(&reply.headers);
            exchange.reply = kept(&reply.body);
        });
    }

    pub(super) fn failed(&self, number: u64, status: Option<u16>) {
        self.update(number, |exchange| {
            exchange.status = status;
            exchange.faulted = true;
        });
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = self.lock().exchanges.iter_mut().rev().find(|e| e.number == number) {
            change(exchange);
        }
        self.changed.notify_all();
    }
}

fn kept(body: &bytes::Bytes) -> bytes::Bytes {
    if body.len() <= MAX_KEPT_BODY { body.clone() } else { bytes::Bytes::new() }
}
