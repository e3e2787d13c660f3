//! F3. Bare repositories and our own transports.
