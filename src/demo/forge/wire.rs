//! What every answer of the forge has in common: GitHub's error shapes, paging with `Link`, rate limit headers.

use crate::demo::serve::{Reply, Request};
use serde_json::{Value, json};

/// Where GitHub's errors point to.
const DOCS: &str = "https://docs.github.com/rest";
/// Requests an hour that a token has.
pub(super) const HOURLY: u64 = 5000;

/// An answer before it is bytes.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(String, String)>,
}

/// A refusal in GitHub's words.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) errors: Option<Value>,
}

pub(super) type Answer = Result<Out, Refusal>;

#[expect(clippy::unnecessary_wraps, reason = "every endpoint ends in an answer or a refusal")]
impl Out {
    pub(super) fn ok(body: Value) -> Answer {
        Ok(Self::new(200, body))
    }

    pub(super) fn created(body: Value) -> Answer {
        Ok(Self::new(201, body))
    }

    pub(super) fn none() -> Answer {
        Ok(Self { status: 204, body: None, headers: Vec::new() })
    }

    /// One page of a list, with the `Link` header where there are more.
    pub(super) fn page(request: &Request, base: &str, items: Vec<Value>) -> Answer {
        let (body, headers) = slice(request, base, items);
        Ok(Self { status: 200, body: Some(Value::Array(body)), headers })
    }
}

impl Out {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }
}

/// The items of the page asked for, and its `Link` header.
pub(super) fn slice(request: &Request, base: &str, items: Vec<Value>) -> (Vec<Value>, Vec<(String, String)>) {
    let number = |name: &str, default: usize| request.param(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (per_page, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
    let last = items.len().div_ceil(per_page).max(1);
    let link = |page: usize, rel: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| name != "page"));
        query.append_pair("page", &page.to_string());
        format!("<{base}{}?{}>; rel=\"{rel}\"", request.path, query.finish())
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if page > 1 {
        links.push(link(1, "first"));
    }
    let headers = if links.is_empty() { Vec::new() } else { vec![("link".to_owned(), links.join(", "))] };
    (items.into_iter().skip((page - 1) * per_page).take(per_page).collect(), headers)
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    /// What a fine-grained token without the permission is told.
    pub(super) fn no_right(app: bool) -> Self {
        let who = if app { "integration" } else { "personal access token" };
        Self::new(403, format!("Resource not accessible by {who}"))
    }

    /// 422 with a list of errors.
    pub(super) fn invalid(errors: Value) -> Self {
        Self { status: 422, message: "Validation Failed".into(), errors: Some(errors) }
    }

    /// 422 with a sentence of its own: `{"resource", "code": "custom", "message"}`.
    pub(super) fn custom(resource: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::invalid(json!([{"resource": resource, "code": "custom", "message": message}]))
    }

    /// 422 for one field: `missing_field`, `invalid`, `missing`.
    pub(super) fn field(resource: &str, field: &str, code: &str) -> Self {
        Self::invalid(json!([{"resource": resource, "field": field, "code": code}]))
    }
}

impl From<git2::Error> for Refusal {
    fn from(error: git2::Error) -> Self {
        match error.code() {
            git2::ErrorCode::NotFound => Self::not_found(),
            _ => Self::new(500, format!("the fake forge's repository: {error}")),
        }
    }
}

/// The answer as bytes, with the headers that GitHub sends on each.
pub(super) fn reply(answer: Answer, request: &Request) -> Reply {
    let out = answer.unwrap_or_else(|refusal| {
        let mut body = json!({"message": refusal.message, "documentation_url": DOCS});
        if let Some(errors) = refusal.errors {
            body["errors"] = errors;
        }
        body["status"] = json!(refusal.status.to_string());
        Out::new(refusal.status, body)
    });
    let mut reply = match out.body {
        Some(Value::String(text)) => Reply::new(out.status, "text/html; charset=utf-8", text),
        Some(body) => Reply::new(out.status, "application/json; charset=utf-8", body.to_string()),
        None => Reply::empty(out.status),
    };
    reply.headers.extend(out.headers);
    reply.cached(request).with("x-github-media-type", "github.v3; format=json")
}
