//! One repository of the configuration looked at by a person, with the others read beside it: all are resolved until
//! none has news for another, as `davit once` does before its passes. Nothing is kept in the store, no forge is asked
//! more than for a Git password, and nothing is written.

use super::fleet::{self, Fleet};
use super::look::{self, Files, Kube, Look, Recollection, Request, Secrets};
use super::pass::flux_url;
use super::read::Filter;
use super::services::{ROUNDS, forge_of, github, open};
use crate::config::{self, Config, Overlay};
use crate::inventory::same_repository;
use crate::model::{Problem, Reason};
use crate::policy::Rules;
use crate::resolve::Neighbours;
use crate::world::cache::Cache;
use crate::world::git::{Fetched, Git, Repository, Wanted};
use jiff::Timestamp;
use std::sync::Arc;

/// The repository of the configuration that a URL names: its branch, paths and rules count, and its neighbours. Nothing
/// where the configuration takes it in parts.
pub fn place(config: &Config, url: &str) -> Option<usize> {
    let leads = |one: &config::Repository| {
        one.remote.text == url || flux_url(one).is_some_and(|theirs| same_repository(&theirs, url))
    };
    let mut named = config.repositories.iter().enumerate().filter(|(_, one)| leads(one)).map(|(number, _)| number);
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

/// A repository, with what the others show.
pub struct Together {
    /// It.
    pub repository: Repository,
    /// What was fetched of it.
    pub fetched: Fetched,
    /// What is known of the others.
    pub neighbours: Neighbours,
}

/// A repository that could be fetched.
struct Seat {
    number: usize,
    repository: Repository,
    fetched: Fetched,
    recollection: Arc<Recollection>,
}

/// Fetches all repositories of the configuration, and resolves them until none has news for another.
///
/// # Errors
/// The repository of this number can't be fetched. Where another one can't, that is known of it.
pub async fn read(config: &Config, git: &Git, cache: &Arc<Cache>, number: usize) -> Result<Together, Problem> {
    let fleet = Fleet::new(config.repositories.iter().map(|one| (one.name.clone(), flux_url(one))));
    let seats = futures_util::future::join_all((0..config.repositories.len()).map(|one| seat(config, git, one))).await;
    let mut known = Vec::new();
    for (one, seat) in seats.into_iter().enumerate() {
        match seat {
            Ok(seat) => known.push(seat),
            Err(problem) if one == number => return Err(problem),
            Err(problem) => fleet.failed(one, &problem.message),
        }
    }
    let (_, rules) = Rules::with_overlay(config, &Overlay::default()).map_err(|issues| {
        let text = issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Problem::new(Reason::InvalidAnnotation, text)
    })?;
    for _ in 0..ROUNDS {
        let before = fleet.news();
        for seat in &known {
            if let Err(problem) = gather((config, &rules), cache, &fleet, seat).await {
                fleet.failed(seat.number, &problem.message);
            }
        }
        if fleet.news() == before {
            break;
        }
    }
    let neighbours = fleet.view(number);
    let own = known.into_iter().find(|seat| seat.number == number);
    let missing = || Problem::new(Reason::InternalError, "a repository of the configuration is missing: a bug");
    let Seat { repository, fetched, .. } = own.ok_or_else(missing)?;
    Ok(Together { repository, fetched, neighbours })
}

async fn seat(config: &Config, git: &Git, number: usize) -> Result<Seat, Problem> {
    let missing = || Problem::new(Reason::InternalError, "a repository of the configuration is missing: a bug");
    let one = config.repositories.get(number).ok_or_else(missing)?;
    // A person may look without the forge's token.
    let github = if config.github.auth.is_some() { github(config)? } else { None };
    let repository = open(config, git, one, forge_of(one, github.as_ref()))?;
    let wanted = Wanted { base: one.branch.clone(), prefix: String::new(), pulls: Vec::new(), forks: Vec::new() };
    let fetched = repository.fetch(wanted).await.map_err(|error| error.problem())?;
    Ok(Seat { number, repository, fetched, recollection: Arc::default() })
}

/// Resolves one, beside what the others show now.
async fn gather(
    (config, rules): (&Config, &Rules),
    cache: &Arc<Cache>,
    fleet: &Fleet,
    seat: &Seat,
) -> Result<(), Problem> {
    let Some(one) = config.repositories.get(seat.number) else { return Ok(()) };
    let (neighbours, commit) = (fleet.view(seat.number), seat.fetched.base_commit);
    let files = if seat.recollection.holds(&commit.to_string(), &neighbours) {
        Files::Held(commit.to_string())
    } else {
        let before = seat.recollection.listing();
        let listing = seat.repository.tree_after(commit, before).await.map_err(|error| error.problem())?;
        Files::Tree(listing, seat.repository.reader().await.map_err(|error| error.problem())?)
    };
    let request = Request {
        files,
        shown: seat.repository.shown_url().to_owned(),
        url: flux_url(one),
        name: &one.name,
        filter: Filter::new(&one.paths.include, &one.paths.exclude),
        rules,
        kube: Kube::default(),
        recollection: seat.recollection.clone(),
        store: None,
        now: Timestamp::now(),
        branch_prefix: &config.pull_requests.branch_prefix,
        neighbours,
        fleet: Some((fleet, seat.number)),
        secrets: Secrets::No,
    };
    look::gather(cache, request).await
}

/// The look, with what is to be said of the others.
pub fn beside(look: Arc<Look>, neighbours: &Neighbours) -> Arc<Look> {
    let others = fleet::findings(neighbours, &look.resolution.published, !look.resolution.doubtful.is_empty());
    if others.is_empty() {
        return look;
    }
    let mut look = look.as_ref().clone();
    Arc::make_mut(&mut look.findings).problems.extend(others);
    Arc::new(look)
}
