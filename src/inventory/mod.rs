//! F2. A source tree becomes releases and sources, one dialect a file. Pure.
