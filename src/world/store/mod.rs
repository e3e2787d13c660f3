//! F3. SQLite: only what cannot be derived again.
