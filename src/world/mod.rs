//! F3. All IO and no decisions.

pub mod forge;
pub mod git;
pub mod registry;
pub mod secret;
pub mod store;
pub mod init;
pub mod retry;
