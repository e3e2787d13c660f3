//! The same promise for `KEY=value` lines: compare what stands there, swap it, read again, and find every other line
//! equal.

use super::{Refusal, Swap};
use crate::model::{Problem, Reason};
use crate::yaml::{EnvEntry, env_entries};

/// The file with every swap done; `swaps` by position, each place once.
pub(super) fn apply(bytes: &[u8], swaps: &[&Swap]) -> Result<Vec<u8>, Refusal> {
    let before = env_entries(bytes).unwrap_or_default();
    let mut edited = Vec::with_capacity(bytes.len() + 16 * swaps.len());
    let mut copied = 0;
    let mut wanted = Vec::with_capacity(swaps.len());
    for swap in swaps {
        wanted.push((find(bytes, &before, swap)?, swap.to.as_str()));
        edited.extend_from_slice(bytes.get(copied..swap.site.start).ok_or_else(|| moved(swap))?);
        edited.extend_from_slice(swap.to.as_bytes());
        copied = swap.site.end;
    }
    edited.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    match proven((bytes, &before), &edited, &wanted) {
        Ok(()) => Ok(edited),
        Err(what) => {
            let file = swaps.first().map(|swap| swap.site.file.to_string()).unwrap_or_default();
            Err(Refusal::Unproven { file, what })
        }
    }
}

/// The number of the line that a site is the value of.
fn find(bytes: &[u8], before: &[EnvEntry], swap: &Swap) -> Result<usize, Refusal> {
    let site = &swap.site;
    let here = |entry: &EnvEntry| *entry.key == *site.path && entry.value == Some(site.start..site.end);
    let number = before.iter().position(here).filter(|_| site.inner.is_none()).ok_or_else(|| moved(swap))?;
    if bytes.get(site.start..site.end) != Some(site.text.as_bytes()) {
        return Err(moved(swap));
    }
    // No line ends in it, and nothing that a reader would trim or not see.
    if swap.to.is_empty() || swap.to.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\u{feff}') {
        let message = format!("{}:{}: `{}` can't hold {:?}", site.file, site.line, site.path, swap.to);
        return Err(Refusal::NotEditable(Problem::new(Reason::NotEditable, message)));
    }
    Ok(number)
}

fn moved(swap: &Swap) -> Refusal {
    Refusal::Moved {
        file: swap.site.file.to_string(),
        line: swap.site.line,
        path: swap.site.shown_path().into_owned(),
        expected: swap.site.text.clone(),
    }
}

/// That every line reads as before but for the wanted ones, which read as wanted.
fn proven((bytes, before): (&[u8], &[EnvEntry]), edited: &[u8], wanted: &[(usize, &str)]) -> Result<(), String> {
    let after = env_entries(edited).ok_or("it is no list of variables any more")?;
    if after.len() != before.len() {
        return Err(format!("{} variables became {}", before.len(), after.len()));
    }
    for (number, (old, new)) in before.iter().zip(&after).enumerate() {
        let to = wanted.iter().find(|(line, _)| *line == number).map(|(_, to)| to.as_bytes());
        let same = (&old.key, old.line, old.column) == (&new.key, new.line, new.column);
        if !same || value(edited, new) != to.or_else(|| value(bytes, old)) {
            return Err(format!("line {}: {} reads differently", old.line, old.key));
        }
    }
    Ok(())
}

fn value<'b>(bytes: &'b [u8], entry: &EnvEntry) -> Option<&'b [u8]> {
    bytes.get(entry.value.clone()?)
}
