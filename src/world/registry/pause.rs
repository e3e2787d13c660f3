//! How many requests a host gets at once, and the pauses it asks for.

use super::failure::{Again, Failure, authority};
use super::http::Http;
use crate::model::{Problem, Reason};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

/// What is shared by all requests to one host.
pub(super) struct HostState {
    pub(super) permits: Arc<Semaphore>,
    not_before: Mutex<Option<Instant>>,
}

impl Http {
    /// An answer that is the caller's to judge: 429 and 5xx are not.
    pub(super) fn admitted(
        &self,
        host: &HostState,
        response: reqwest::Response,
        place: &str,
    ) -> Result<reqwest::Response, Failure> {
        let status = response.status();
        if status.as_u16() == 429 || status.is_server_error() {
            return Err(self.overloaded(host, status, response.headers(), place));
        }
        Ok(response)
    }

    /// 429 and 5xx: when to come back, and that nobody else asks this host before.
    fn overloaded(&self, host: &HostState, status: reqwest::StatusCode, headers: &HeaderMap, place: &str) -> Failure {
        let wait = headers.get(RETRY_AFTER).and_then(|value| self.retry_after(value));
        let limited = status.as_u16() == 429 || (status.as_u16() == 503 && wait.is_some());
        if !limited {
            return Failure::soon(Reason::SourceError, format!("{place} answers {status}"));
        }
        let Some(wait) = wait else {
            return Failure::soon(Reason::SourceRateLimited, format!("{place} answers {status}: too many requests"));
        };
        let mut not_before = host.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(Instant::now() + wait);
        Failure { again: Again::After(wait), ..Failure::of(self.limited(place, wait)) }
    }

    fn limited(&self, place: &str, wait: Duration) -> Problem {
        let at =
            jiff::SignedDuration::try_from(wait).ok().and_then(|wait| (self.options.clock)().checked_add(wait).ok());
        let when = at.map_or_else(|| "much later".to_owned(), |at| format!("{at:.0}"));
        Problem::new(
            Reason::SourceRateLimited,
            format!("{place}: too many requests; the server asks to come back at {when}"),
        )
    }

    /// Seconds or an HTTP date (RFC 9110, 10.2.3); at most a day.
    fn retry_after(&self, value: &HeaderValue) -> Option<Duration> {
        let text = value.to_str().ok()?.trim();
        let wait = if let Ok(seconds) = text.parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(at.duration_since((self.options.clock)())).unwrap_or(Duration::ZERO)
        };
        Some(wait.min(Duration::from_hours(24)))
    }

    /// Refuses, or asks to wait, while a host wants no requests.
    pub(super) fn pause_of(&self, host: &HostState, place: &str) -> Result<(), Failure> {
        let not_before = *host.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if wait.is_zero() {
            return Ok(());
        }
        Err(Failure { again: Again::After(wait), ..Failure::of(self.limited(place, wait)) })
    }

    pub(super) fn host(&self, url: &Url) -> Arc<HostState> {
        let name = authority(url);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let concurrency = || {
            let entry = self.options.registries.hosts.iter().find(|entry| entry.host.eq_ignore_ascii_case(&name));
            entry.map_or(self.options.limits.concurrency, |entry| entry.concurrency).max(1)
        };
        hosts
            .entry(name.clone())
            .or_insert_with(|| {
                let permits = Arc::new(Semaphore::new(concurrency()));
                Arc::new(HostState { permits, not_before: Mutex::new(None) })
            })
            .clone()
    }
}
