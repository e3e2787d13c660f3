//! Moves one branch on the remote, only if it stands where the caller saw it (force with lease), and is safe to
//! repeat. The server's refusal of a ref is an error here, with the server's words.

use super::address::Address;
use super::error::{Failure, words};
use super::remote::{Advertised, present, watched};
use super::transport::context::Context;
use git2::{Direction, Oid, PushOptions, Repository};
use std::cell::RefCell;
use std::sync::Arc;

/// libgit2 wants a ref to push from.
const SOURCE: &str = "refs/davit-push";

/// Puts `branch` at `to` (none: deletes it) if it is at `expect` (none: must not exist).
pub(super) fn push(
    repository: &Repository,
    address: &Address,
    context: &Arc<Context>,
    branch: &str,
    to: Option<Oid>,
    expect: Option<Oid>,
) -> Result<(), Failure> {
    let name = format!("refs/heads/{branch}");
    if !git2::Reference::is_valid_name(&name) {
        return Err(Failure::Invalid(format!("{} is no branch name", branch.escape_debug())));
    }
    present(address)?;
    let mut remote = repository.remote_anonymous(&address.url)?;
    let mut connection = remote.connect_auth(Direction::Push, Some(watched(context)), None)?;
    let found = Advertised::of(connection.remote())?.get(&name);
    if found == to {
        return Ok(());
    }
    if found != expect {
        return Err(lease_lost(branch, expect, found));
    }
    let spec = match to {
        Some(oid) => {
            repository.reference(SOURCE, oid, true, "davit")?;
            format!("+{SOURCE}:{name}")
        }
        None => format!(":{name}"),
    };
    let rejected = RefCell::new(None);
    let said = RefCell::new(Vec::new());
    let moved = RefCell::new(None);
    let result = {
        let mut callbacks = watched(context);
        callbacks.push_negotiation(|updates| {
            // The oid that the server just advertised, and that our command will carry: the server refuses if it
            // has moved again by then.
            let now = updates.first().map(git2::PushUpdate::src).filter(|oid| !oid.is_zero());
            if now == expect {
                return Ok(());
            }
            *moved.borrow_mut() = Some(now);
            Err(git2::Error::from_str("the branch moved"))
        });
        callbacks.push_update_reference(|_, status| {
            *rejected.borrow_mut() = status.map(words);
            Ok(())
        });
        callbacks.sideband_progress(|bytes| {
            let mut said = said.borrow_mut();
            if said.len() < 8192 {
                said.extend_from_slice(bytes);
            }
            context.goes_on()
        });
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks);
        connection.remote().push(&[spec.as_str()], Some(&mut options))
    };
    forget_source(repository);
    if let Some(now) = moved.into_inner() {
        return Err(lease_lost(branch, expect, now));
    }
    if let Some(status) = rejected.into_inner() {
        let said = words(&String::from_utf8_lossy(&said.into_inner()));
        return Err(refusal(branch, &status, &said, expect));
    }
    Ok(result?)
}

/// Removes the ref that was pushed from: a later fetch would offer its history, which may be cut.
pub(super) fn forget_source(repository: &Repository) {
    if let Ok(mut reference) = repository.find_reference(SOURCE) {
        let _ = reference.delete();
    }
}

fn shown(oid: Option<Oid>) -> String {
    oid.map_or_else(|| "no such branch".to_owned(), |oid| oid.to_string())
}

fn lease_lost(branch: &str, expect: Option<Oid>, found: Option<Oid>) -> Failure {
    let found = match found {
        Some(oid) => format!("has it at {oid}"),
        None => "has no such branch".to_owned(),
    };
    Failure::LeaseLost { branch: branch.to_owned(), expected: shown(expect), found }
}

/// What a refused ref means, by the words that Git and GitHub use.
fn refusal(branch: &str, status: &str, said: &str, expect: Option<Oid>) -> Failure {
    let branch = branch.to_owned();
    let words = if said.is_empty() { status.to_owned() } else { format!("{status}: {said}") };
    let low = words.to_ascii_lowercase();
    let has = |any: &[&str]| any.iter().any(|text| low.contains(text));
    if has(&["protected branch", "hook declined", "gh006", "gh013", "rule violations", "deny updating"]) {
        return Failure::Protected { branch, words };
    }
    if has(&[
        "fetch first",
        "non-fast-forward",
        "failed to update ref",
        "cannot lock ref",
        "failed to lock",
        "stale info",
        "already exists",
        "incorrect old value",
    ]) {
        return Failure::LeaseLost { branch, expected: shown(expect), found: format!("refused ({words})") };
    }
    Failure::Rejected { branch, words }
}

#[cfg(test)]
mod tests {
    use super::{Failure, refusal};

    #[test]
    fn a_protection_rule_a_lost_race_and_any_other_refusal_are_told_apart() {
        let judge = |status, said| refusal("main", status, said, None);
        let protected = |f| matches!(f, Failure::Protected { .. });
        assert!(protected(judge("protected branch hook declined", "error: GH006: Protected branch update failed")));
        assert!(protected(judge("push declined due to repository rule violations", "")));
        assert!(protected(judge("pre-receive hook declined", "not you")));
        assert!(matches!(judge("failed to update ref", ""), Failure::LeaseLost { .. }));
        assert!(matches!(judge("fetch first", ""), Failure::LeaseLost { .. }));
        assert!(matches!(judge("funny refname", ""), Failure::Rejected { .. }));
    }
}
