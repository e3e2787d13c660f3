//! F5. Logs and metrics.
