//! F5. Everything Davit talks to, on loopback; the tests share it.

pub mod chart;
pub mod charts;
pub mod fault;
pub mod forge;
pub mod neighbours;
pub mod oci;
pub mod sample;
pub mod serve;
pub mod story;
pub mod traffic;

pub use neighbours::Neighbours;
