//! F5. The surfaces over HTTP.
