//! One candidate under one policy, and under those of all who share a version site. Looks nothing up and remembers
//! nothing: what is not known yet is [`Verdict::Ask`].

use super::Policy;
use super::choose::Consumer;
use super::opened::{kube_refusal, type_refusal};
use crate::model::{Bump, Candidate, Inside, Problem, Reason, Version};
use jiff::Timestamp;
use std::cell::OnceCell;
use std::time::Duration;

/// What becomes of a candidate.
pub(super) enum Verdict {
    /// Let through.
    Pass,
    /// Not taken; why, and for a person.
    Drop(Reason, String),
    /// Let through by all that is known without its details.
    Ask,
    /// Let through by all that is known without opening its archive.
    Open,
}

/// A consumer, by number, and why it does not take a candidate.
pub(super) type No = (usize, String);

/// What every verdict depends on.
pub(super) struct Look<'a> {
    pub(super) consumers: &'a [Consumer<'a>],
    pub(super) now: Timestamp,
    /// Whether candidates have archives: a chart in a Git repository has none.
    pub(super) archives: bool,
    pub(super) first_seen: &'a dyn Fn(&Candidate) -> Option<Timestamp>,
}

impl Look<'_> {
    /// Why nothing moves for one consumer, where nothing does.
    pub(super) fn hold(&self, i: usize) -> Option<&Problem> {
        self.consumers.get(i).and_then(|c| c.policy.hold.as_ref())
    }

    /// Whether any consumer waits for an age.
    pub(super) fn wants_age(&self) -> bool {
        self.consumers.iter().any(|c| !c.policy.minimum_age.is_zero())
    }

    /// Whether the pre-release rule lets a candidate be looked at: releases always; pre-releases where the policy says
    /// so, and for a version in use that is one itself: those of the same release, and of higher ones as long as no
    /// newer release proper is there.
    pub(super) fn prerelease_admitted(&self, i: usize, c: &Candidate, current: &Version, newer_release: bool) -> bool {
        !c.version.is_prerelease()
            || self.consumers.get(i).is_some_and(|consumer| consumer.policy.prereleases)
            || (current.is_prerelease() && (c.version.core() == current.core() || !newer_release))
    }

    /// The verdict of all consumers together: one no is a no.
    pub(super) fn all(&self, c: &Candidate, current: &Version, newer_release: bool) -> Verdict {
        let mut all = Verdict::Pass;
        for i in 0..self.consumers.len() {
            match self.own(i, c, current, newer_release) {
                Verdict::Drop(reason, message) => return Verdict::Drop(reason, message),
                Verdict::Ask => all = Verdict::Ask,
                Verdict::Open if matches!(all, Verdict::Pass) => all = Verdict::Open,
                Verdict::Open | Verdict::Pass => {}
            }
        }
        all
    }

    /// The first consumer who says no to a candidate, with its words.
    pub(super) fn first_no(&self, c: &Candidate, current: &Version, newer_release: bool) -> Option<No> {
        (0..self.consumers.len()).find_map(|i| match self.own(i, c, current, newer_release) {
            Verdict::Drop(_, message) => Some((i, message)),
            Verdict::Pass | Verdict::Ask | Verdict::Open => None,
        })
    }

    /// The verdict as one consumer is told it: its own reason first, else who holds it back. The first no is the same for
    /// everybody who says none himself: it is found out once.
    pub(super) fn for_one(
        &self,
        i: usize,
        c: &Candidate,
        (current, newer_release): (&Version, bool),
        first_no: &OnceCell<Option<No>>,
    ) -> Verdict {
        let own = self.own(i, c, current, newer_release);
        if matches!(own, Verdict::Drop(..)) {
            return own;
        }
        let Some((other, message)) = first_no.get_or_init(|| self.first_no(c, current, newer_release)) else {
            return own;
        };
        let name = self.consumers.get(*other).map_or("", |consumer| consumer.name.as_str());
        let message = format!("{name}, which shares the version, holds it back: {message}");
        Verdict::Drop(Reason::HeldByConsumer, message)
    }

    fn own(&self, i: usize, c: &Candidate, current: &Version, newer_release: bool) -> Verdict {
        let Some(policy) = self.consumers.get(i).map(|consumer| consumer.policy) else { return Verdict::Pass };
        if let Some(hold) = &policy.hold {
            return Verdict::Drop(hold.reason, hold.message.clone());
        }
        if !self.prerelease_admitted(i, c, current, newer_release) {
            return Verdict::Drop(Reason::Prerelease, format!("{} is a pre-release", c.text));
        }
        if let Some((reason, message)) = refused_by_rule(policy, c, current) {
            return Verdict::Drop(reason, message);
        }
        if let Inside::Refused(problem) = &c.inside {
            return Verdict::Drop(problem.reason, problem.message.clone());
        }
        if c.detailed && c.deprecated {
            return Verdict::Drop(Reason::Deprecated, format!("{} is marked deprecated by its author", c.text));
        }
        if !c.detailed {
            return Verdict::Ask;
        }
        match self.too_young(policy, c) {
            Some(message) => Verdict::Drop(Reason::HeldByAge, message),
            None => self.inside(i, c),
        }
    }

    /// What the archive says to this consumer's cluster; the last question, because it costs a download.
    fn inside(&self, i: usize, c: &Candidate) -> Verdict {
        let Some(contents) = c.inside.contents() else {
            return if self.archives { Verdict::Open } else { Verdict::Pass };
        };
        let Some(consumer) = self.consumers.get(i).filter(|consumer| !consumer.part) else { return Verdict::Pass };
        if let Some(message) = type_refusal(&c.text, contents) {
            return Verdict::Drop(Reason::ChartInvalid, message);
        }
        match kube_refusal(&c.text, contents, consumer.kube_version) {
            Some(message) => Verdict::Drop(Reason::HeldByKubeVersion, message),
            None => Verdict::Pass,
        }
    }

    fn too_young(&self, policy: &Policy, c: &Candidate) -> Option<String> {
        if policy.minimum_age.is_zero() {
            return None;
        }
        let wanted = words(policy.minimum_age);
        let Some(born) = c.created.or_else(|| (self.first_seen)(c)) else {
            return Some(format!("{} was not seen before, and its age is unknown; {wanted} are asked for", c.text));
        };
        // A date in the future is a wrong clock: such a version is as young as can be.
        let age = Duration::try_from(self.now.duration_since(born)).unwrap_or_default();
        let message = || format!("{} is {} old; {wanted} are asked for", c.text, words(age));
        (age < policy.minimum_age).then(message)
    }
}

/// What range, step and ignore say.
fn refused_by_rule(policy: &Policy, c: &Candidate, current: &Version) -> Option<(Reason, String)> {
    if let Some(range) = policy.range.as_ref().filter(|range| !range.admits(&c.version)) {
        let hint = if c.version.is_prerelease() && !range.names_prereleases() {
            ", which names no pre-release and so admits none"
        } else {
            ""
        };
        return Some((Reason::HeldByRange, format!("{} is outside the range {range}{hint}", c.text)));
    }
    let step = Bump::between(current, &c.version);
    if step > policy.bump {
        let message = format!("{} is a {step} step; at most {} is allowed", c.text, policy.bump);
        return Some((Reason::HeldByBump, message));
    }
    let ignored = policy.ignore.iter().find(|ignore| ignore.covers(&c.version))?;
    Some((Reason::HeldByIgnore, format!("{} is ignored ({})", c.text, ignored.text())))
}

/// A length of time in its two largest units: `7d`, `2d 3h`, `45m`, `30s`.
fn words(time: Duration) -> String {
    let mut rest = time.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            parts.push(format!("{}{unit}", rest / seconds));
            rest %= seconds;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}
