//! F2. A release becomes where its chart comes from and which bytes hold its version. Pure.
