//! F2. Branch, title, body, marker; wanted and existing pull requests become actions. Pure.
