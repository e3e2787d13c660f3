//! Asking again only for what has changed (RFC 9110, section 13.1): what a server said of a body, and the headers that
//! ask with it.

use ::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};

/// What a server said of a body, byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Validators {
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

impl Validators {
    /// Of an answer.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
        Self { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    /// The headers of a request that wants the body only if it is another one by now.
    pub(super) fn conditions(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut condition = |name: HeaderName, value: Option<&String>| {
            if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        };
        condition(IF_NONE_MATCH, self.etag.as_ref());
        condition(IF_MODIFIED_SINCE, self.last_modified.as_ref());
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::Validators;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static [u8])]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static [u8])| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_the_server_said_comes_back_as_conditions_and_nothing_else() {
        let said = headers(&[("etag", b"W/\"1\""), ("last-modified", b"yesterday"), ("content-type", b"text/yaml")]);
        let asked = headers(&[("if-none-match", b"W/\"1\""), ("if-modified-since", b"yesterday")]);
        assert_eq!(Validators::of(&said).conditions(), asked);
        assert_eq!(
            Validators::of(&headers(&[("etag", b"\xff")])).conditions(),
            HeaderMap::new(),
            "no text, no condition"
        );
    }
}
