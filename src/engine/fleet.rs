//! What the repositories of the process show each other, kept under one lock: each pass takes the last of the others as
//! one more input and leaves its own. Nobody waits: who was not read yet is unknown, whose look failed keeps what it
//! showed last, and who is told something new is woken. A repository that stands alone takes no part.

use super::report::Finding;
use crate::model::{Problem, Reason};
use crate::resolve::{Member, Neighbour, Neighbours, Published, State, is_news, taken_of};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// How often a repository is woken by news of others before it makes a pass that brings none itself: two that give each
/// other news for ever go on at their intervals.
const WAKES: u32 = 8;

/// Most repositories that a message names.
const NAMED: usize = 3;

/// The repositories of the process.
#[derive(Debug, Default)]
pub struct Fleet {
    members: Vec<Arc<Member>>,
    slots: Mutex<Vec<Slot>>,
    news: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    state: State,
    wake: Arc<Notify>,
    woken: u32,
}

impl Fleet {
    /// A fleet of names and URLs, in the configuration's order.
    pub fn new(members: impl IntoIterator<Item = (String, Option<String>)>) -> Self {
        let member = |(number, (name, url)): (u32, (String, Option<String>))| {
            Arc::new(Member { number, name: Arc::from(name), url })
        };
        let members: Vec<_> = (0..).zip(members).map(member).collect();
        let slot = |_: &Arc<Member>| Slot { state: State::Unread, wake: Arc::default(), woken: 0 };
        let slots = Mutex::new(members.iter().map(slot).collect());
        Self { members, slots, news: AtomicU64::new(0) }
    }

    /// What a member knows of the others now.
    pub fn view(&self, number: usize) -> Neighbours {
        if self.members.len() < 2 {
            return Neighbours::default();
        }
        let slots = self.lock();
        let others = self.members.iter().zip(slots.iter()).enumerate().filter(|(other, _)| *other != number);
        let others = others.map(|(_, (member, slot))| Neighbour { member: member.clone(), state: slot.state.clone() });
        Neighbours { own: self.members.get(number).cloned(), others: others.collect() }
    }

    /// How much news there was so far.
    pub fn news(&self) -> u64 {
        self.news.load(Ordering::Relaxed)
    }

    /// What wakes a member's loop.
    pub fn wake(&self, number: usize) -> Option<Arc<Notify>> {
        self.lock().get(number).map(|slot| slot.wake.clone())
    }

    /// A member was read. Whether that is news: those that it concerns are woken then.
    pub fn read(&self, number: usize, published: &Arc<Published>) -> bool {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(number) else { return false };
        let before = slot.state.published().cloned();
        if let Some(same) = before.as_ref().filter(|before| *before == published) {
            slot.state = State::Read(same.clone());
            slot.woken = 0;
            return false;
        }
        slot.state = State::Read(published.clone());
        self.news.fetch_add(1, Ordering::Relaxed);
        // Whoever waits for one that was never read may wait for this one.
        let told = before.is_none() && all_tried(&slots);
        for (other, slot) in slots.iter_mut().enumerate().filter(|(other, _)| *other != number) {
            let theirs = slot.state.published().cloned();
            let concerned =
                theirs.is_some_and(|theirs| is_news(&theirs, before.as_deref(), published) || told && theirs.waits);
            if concerned {
                slot.tell(other);
            }
        }
        true
    }

    /// A member could not be read: what it showed last stays.
    pub fn failed(&self, number: usize, why: &str) {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(number) else { return };
        let first = matches!(slot.state, State::Unread);
        slot.state = match &slot.state {
            State::Failed(known) if **known == *why => State::Failed(known.clone()),
            State::Unread | State::Failed(_) => State::Failed(Arc::from(why)),
            State::Read(published) | State::Stale(published, _) => State::Stale(published.clone(), Arc::from(why)),
        };
        self.news.fetch_add(u64::from(first), Ordering::Relaxed);
        if first && all_tried(&slots) {
            let waiting =
                slots.iter_mut().enumerate().filter(|(_, slot)| slot.state.published().is_some_and(|p| p.waits));
            waiting.for_each(|(other, slot)| slot.tell(other));
        }
    }

    /// A pass that broke off before it came to reading: its repository is not waited for any longer.
    pub fn given_up(&self, number: usize) {
        let unread = self.lock().get(number).is_some_and(|slot| matches!(slot.state, State::Unread));
        if unread {
            self.failed(number, "its pass broke off");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether every repository was read once, or its failure is known.
fn all_tried(slots: &[Slot]) -> bool {
    !slots.iter().any(|slot| matches!(slot.state, State::Unread))
}

impl Slot {
    fn tell(&mut self, number: usize) {
        if self.woken < WAKES {
            self.woken += 1;
            self.wake.notify_one();
        } else {
            tracing::debug!(number, "a neighbour has news again; this repository follows at its interval");
        }
    }
}

/// What a pass says of the others. While one is still to be read, the first finding keeps everything from being closed.
pub(super) fn findings(neighbours: &Neighbours, own: &Published, doubtful: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let finding = |reason, message| Finding { file: None, line: None, problem: Problem::new(reason, message) };
    let awaited = neighbours.others.iter().filter(|other| matches!(other.state, State::Unread));
    let names: Vec<&str> = awaited.map(|other| &*other.member.name).collect();
    if !names.is_empty() {
        let message = format!("still to be read: {}; nothing is closed until then", listed(&names));
        found.push(finding(Reason::RepositoryUnread, message));
    }
    for other in &neighbours.others {
        let name = &other.member.name;
        match &other.state {
            // Who builds a repository without a root may suspend or patch what stands in it.
            State::Failed(why) if doubtful || own.is_loose() => {
                let message = format!("the repository {name} was never read, and may have a say here: {why}");
                found.push(finding(Reason::OutOfReach, message));
            }
            State::Stale(published, why) if !taken_of(own, published).is_nothing() => {
                let message = format!("the repository {name} is taken as it was read last: {why}");
                found.push(finding(Reason::OutOfReach, message));
            }
            _ => {}
        }
    }
    found
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{shown} and {} more", names.len() - NAMED) } else { shown }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
