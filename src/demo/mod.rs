//! F5. Everything Davit talks to, on loopback; the tests share it.

pub mod fault;
pub mod forge;
pub mod serve;
pub mod traffic;
