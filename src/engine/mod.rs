//! F4. One pass: gather, plan, act, report.
