//! The next page's address out of a `Link` header (RFC 8288).

use url::Url;

/// There is a next page, and where it is can't be read: what was read is half a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The target with `rel="next"`, resolved against the page it came with.
pub(super) fn next(page: &Url, headers: &http::HeaderMap) -> Result<Option<Url>, Unreadable> {
    for value in headers.get_all(http::header::LINK) {
        if let Some(next) = in_header(page, &String::from_utf8_lossy(value.as_bytes()))? {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

fn in_header(page: &Url, text: &str) -> Result<Option<Url>, Unreadable> {
    let mut rest = text;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, after)| after.split_once('>')) {
        let (parameters, following) = match after.find('<') {
            Some(at) => after.split_at(at),
            None => (after, ""),
        };
        if is_next(parameters) {
            return page.join(target).map(Some).map_err(|_| Unreadable);
        }
        rest = following;
    }
    // No target in angle brackets.
    if is_next(rest) { Err(Unreadable) } else { Ok(None) }
}

fn is_next(parameters: &str) -> bool {
    parameters.trim_end_matches([',', ' ']).split(';').any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else { return false };
        name.trim().eq_ignore_ascii_case("rel")
            && value.trim().trim_matches('"').split(' ').any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::{Unreadable, next};

    fn of(link: &str) -> Result<Option<String>, Unreadable> {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::LINK, link.parse().unwrap());
        let next = next(&"https://r.example/v2/a/tags/list?n=2".parse().unwrap(), &headers);
        next.map(|next| next.map(String::from))
    }

    #[test]
    fn the_next_page_may_be_relative_and_one_of_several_links() {
        let expected = Ok(Some("https://r.example/v2/a/tags/list?last=b&n=2".to_owned()));
        assert_eq!(of("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), expected);
        assert_eq!(of("</first>; rel=first, </v2/a/tags/list?last=b&n=2>; rel=next"), expected);
        assert_eq!(of("</v2/a/tags/list?last=b&n=2>; rel=\"prev\""), Ok(None));
    }

    #[test]
    fn a_next_page_that_cannot_be_read_is_not_the_end_of_the_list() {
        for link in ["/v2/a/tags/list?last=b; rel=\"next\"", "</v2/a; rel=next", "<http://[>; rel=next"] {
            assert_eq!(of(link), Err(Unreadable), "{link}");
        }
        for link in ["", "nonsense", "</v2/a>", "/v2/a; rel=\"prev\""] {
            assert_eq!(of(link), Ok(None), "{link}");
        }
    }
}
