//! Files of other repositories, as far as a build of this one may name them. Their numbers are the same for every
//! repository of the fleet and never those of an own file. What such a file holds is not this tree's: no site of it is
//! edited from here.

use crate::yaml::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// How many of a number's bits count files; above them stand the repository and the mark that sets both apart from the
/// numbers of own files.
const FILE_BITS: u32 = usize::BITS * 5 / 8;
const MARK: usize = 1 << (usize::BITS - 1);

/// A file of another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// `repository:path`
    pub name: Arc<str>,
    /// What its scalars hold as YAML text, by the scalar's first byte: patches of a Flux Kustomization.
    pub embedded: Vec<(u32, Vec<Node>)>,
    /// First byte and line of its scalars that may hold a version, by that byte.
    pub lines: Vec<(u32, u32)>,
}

impl Foreign {
    /// `repository:path:line` of a scalar; without the line where it is not known.
    pub fn place(&self, start: u32) -> String {
        match self.lines.binary_search_by_key(&start, |(start, _)| *start).ok().and_then(|found| self.lines.get(found))
        {
            Some((_, line)) => format!("{}:{line}", self.name),
            None => self.name.to_string(),
        }
    }
}

/// Files of other repositories by number.
pub type Elsewhere = HashMap<usize, Arc<Foreign>>;

/// The number of a file of a repository, both by their places.
pub fn foreign_number(repository: u32, file: usize) -> usize {
    let repository = usize::try_from(repository).unwrap_or(usize::MAX) & (MARK >> FILE_BITS).wrapping_sub(1);
    MARK | (repository << FILE_BITS) | (file & ((1 << FILE_BITS) - 1))
}

/// What the scalar of a file whose content starts at a byte holds.
pub(super) fn held(embedded: &[(u32, Vec<Node>)], start: u32) -> Option<&[Node]> {
    let index = embedded.binary_search_by_key(&start, |(start, _)| *start).ok()?;
    embedded.get(index).map(|(_, roots)| roots.as_slice())
}

#[cfg(test)]
mod tests {
    use super::foreign_number;

    #[test]
    fn numbers_tell_repositories_and_files_apart_and_are_none_of_an_own_file() {
        let numbers = [(0, 0), (0, 1), (1, 0), (1023, 9)].map(|(repository, file)| foreign_number(repository, file));
        let mut apart = numbers.to_vec();
        apart.dedup();
        assert_eq!(apart.len(), numbers.len());
        assert!(numbers.iter().all(|number| *number > usize::MAX / 2 && *number != usize::MAX));
    }
}
