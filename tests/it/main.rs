//! Tests that need nothing but cargo.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod floors;
