//! The next page's address out of a `Link` header (RFC 8288).

use url::Url;

/// The target with `rel="next"`, resolved against the page it came with.
pub(super) fn next(page: &Url, headers: &http::HeaderMap) -> Option<Url> {
    headers.get_all(http::header::LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|text| {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('<') {
            let (target, after) = after.split_once('>')?;
            let (parameters, following) = match after.find('<') {
                Some(at) => after.split_at(at),
                None => (after, ""),
            };
            if is_next(parameters) {
                return page.join(target).ok();
            }
            rest = following;
        }
        None
    })
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
    use super::next;

    fn of(link: &str) -> Option<String> {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::LINK, link.parse().unwrap());
        next(&"https://r.example/v2/a/tags/list?n=2".parse().unwrap(), &headers).map(String::from)
    }

    #[test]
    fn the_next_page_may_be_relative_and_one_of_several_links() {
        let expected = Some("https://r.example/v2/a/tags/list?last=b&n=2".to_owned());
        assert_eq!(of("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), expected);
        assert_eq!(of("</first>; rel=first, </v2/a/tags/list?last=b&n=2>; rel=next"), expected);
        assert_eq!(of("</v2/a/tags/list?last=b&n=2>; rel=\"prev\""), None);
    }
}
