//! A body in pieces: counted after decompression, with a limit on bytes, on silence and on the whole.

use super::failure::Failure;
use crate::model::Reason;
use bytes::Bytes;
use std::io::Read;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

/// A body being read; holds the host's permit until it is dropped.
pub(super) struct Body {
    response: reqwest::Response,
    _permit: OwnedSemaphorePermit,
    left: u64,
    limit: u64,
    idle: Duration,
    deadline: Instant,
    place: String,
}

impl Body {
    pub(super) fn new(
        response: reqwest::Response,
        permit: OwnedSemaphorePermit,
        limit: u64,
        idle: Duration,
        deadline: Instant,
        place: String,
    ) -> Self {
        Self { response, _permit: permit, left: limit, limit, idle, deadline, place }
    }

    /// The next piece, or nothing at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let until = self.deadline.min(Instant::now() + self.idle);
        let chunk = match tokio::time::timeout_at(until, self.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return Err(Failure::from_request(&error, self.response.url())),
            Err(_) => return Err(self.stalled()),
        };
        if let Some(bytes) = &chunk {
            let length = bytes.len() as u64;
            if length > self.left {
                return Err(self.too_large());
            }
            self.left -= length;
        }
        Ok(chunk)
    }

    /// Everything, for small answers.
    pub(super) async fn bytes(mut self) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Reads on a blocking thread, piece by piece. The function must come to an end when its input does.
    pub(super) async fn read_with<T, F>(mut self, read: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> T + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(4);
        let reading = tokio::task::spawn_blocking(move || read(&mut Pieces { receiver, current: Bytes::new() }));
        while let Some(chunk) = self.chunk().await? {
            if sender.send(chunk).await.is_err() {
                break;
            }
        }
        drop(sender);
        reading
            .await
            .map_err(|_| Failure::never(Reason::SourceInvalid, format!("{}: reading the answer failed", self.place)))
    }

    fn stalled(&self) -> Failure {
        let (place, idle) = (&self.place, self.idle);
        if Instant::now() >= self.deadline {
            return Failure::never(Reason::SourceUnreachable, format!("{place}: the answer took too long as a whole"));
        }
        Failure::soon(Reason::SourceUnreachable, format!("{place}: the answer stalled for {idle:?}"))
    }

    fn too_large(&self) -> Failure {
        let size = bytesize::ByteSize(self.limit).display().iec();
        Failure::never(Reason::SourceTooLarge, format!("{}: the answer is larger than the limit of {size}", self.place))
    }
}

struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(next) => self.current = next,
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}
