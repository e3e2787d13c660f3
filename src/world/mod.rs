//! F3. All IO and no decisions.

pub mod address;
pub mod authorities;
pub mod cache;
pub mod cluster;
pub mod folder;
pub mod forge;
pub mod git;
pub mod heap;
pub mod init;
pub mod loopback;
pub mod registry;
pub mod retry;
pub mod secret;
pub mod store;
pub mod tree;
