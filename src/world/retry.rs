//! Trying again: only calls that are marked idempotent, a few times, with growing and jittered pauses. Clock and
//! randomness are arguments.

use async_trait::async_trait;
use jiff::Timestamp;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Time and chance, as the IO of this floor needs them.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// A number from 0 up to 1.
    fn chance(&self) -> f64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
    fn chance(&self) -> f64 {
        // Each RandomState has its own keys: good enough to spread retries.
        let bits = std::collections::hash_map::RandomState::new().build_hasher().finish();
        f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
    }
}

/// How often and how far apart.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Calls in all.
    pub attempts: u32,
    /// The first pause, doubled each time.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after this many failed calls (from 1): half of it fixed, half by chance.
    pub fn pause(&self, failed: u32, chance: f64) -> Duration {
        let full = self.first.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(self.longest);
        full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// Calls until it succeeds, the error is not worth another call, or the attempts are used up. The call must be safe to
/// repeat.
pub async fn idempotent<T, E, F>(
    clock: &dyn Clock,
    backoff: Backoff,
    worth_it: impl Fn(&E) -> bool,
    mut call: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut failed = 0;
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(error) => {
                failed += 1;
                if failed >= backoff.attempts || !worth_it(&error) {
                    return Err(error);
                }
                clock.sleep(backoff.pause(failed, clock.chance())).await;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Backoff, Clock, idempotent};
    use async_trait::async_trait;
    use jiff::Timestamp;
    use std::cell::Cell;
    use std::sync::Mutex;
    use std::time::Duration;

    /// A clock that moves by sleeping only.
    pub(crate) struct StoppedClock(pub Mutex<(Timestamp, Vec<Duration>)>);

    impl StoppedClock {
        pub(crate) fn at(now: Timestamp) -> Self {
            Self(Mutex::new((now, Vec::new())))
        }
        pub(crate) fn slept(&self) -> Vec<Duration> {
            self.0.lock().unwrap().1.clone()
        }
    }

    #[async_trait]
    impl Clock for StoppedClock {
        fn now(&self) -> Timestamp {
            self.0.lock().unwrap().0
        }
        async fn sleep(&self, duration: Duration) {
            let mut state = self.0.lock().unwrap();
            state.0 += duration;
            state.1.push(duration);
        }
        fn chance(&self) -> f64 {
            1.0
        }
    }

    const BACKOFF: Backoff = Backoff { attempts: 3, first: Duration::from_secs(1), longest: Duration::from_secs(10) };

    #[test]
    fn pauses_double_up_to_the_longest_and_half_of_each_is_chance() {
        let pauses: Vec<_> = (1..7).map(|n| BACKOFF.pause(n, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(BACKOFF.pause(2, 0.0), Duration::from_secs(1));
        assert_eq!(BACKOFF.pause(u32::MAX, 1.0), Duration::from_secs(10));
    }

    #[tokio::test]
    async fn it_is_called_again_until_it_succeeds_or_the_attempts_are_used_up() {
        let clock = StoppedClock::at(Timestamp::UNIX_EPOCH);
        let calls = Cell::new(0);
        let call = |good: i32| {
            calls.set(calls.get() + 1);
            let now = calls.get();
            async move { if now >= good { Ok(now) } else { Err("no") } }
        };
        assert_eq!(idempotent(&clock, BACKOFF, |_| true, || call(2)).await, Ok(2));
        calls.set(0);
        assert_eq!(idempotent(&clock, BACKOFF, |_| true, || call(9)).await, Err("no"));
        assert_eq!(calls.replace(0), 3);
        assert_eq!(idempotent(&clock, BACKOFF, |_| false, || call(9)).await, Err("no"));
        assert_eq!(calls.get(), 1);
        assert_eq!(clock.slept().len(), 3);
    }
}
