//! F3. Chart indexes, OCI registries and Git tags over one polite client per host.
