//! F1. Configuration: raw as written, then checked as meant; every problem at once, with line and column.
