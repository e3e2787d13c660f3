//! Holds recorded exchanges against GitHub's own description of its API (`tests/openapi/github.json`): method, path,
//! query parameters, request body, status and response body. Unknown paths, undeclared statuses, unknown query
//! parameters and unknown fields, in requests and responses, are violations too.
//!
//! Used from any test binary by `#[path = "../shared/openapi.rs"] mod openapi;`.

use davit::demo::traffic::Exchange;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// GitHub's description, cut to what the fake forge serves.
pub struct Description {
    paths: Vec<Path>,
    defs: Value,
    compiled: std::cell::RefCell<BTreeMap<String, jsonschema::Validator>>,
}

struct Path {
    template: String,
    pattern: regex::Regex,
    methods: Map<String, Value>,
}

/// Parameters that may hold slashes.
const LONG: [&str; 6] = ["ref", "path", "branch", "basehead", "tree_sha", "commit_sha"];
/// What GitHub answers anywhere, described or not; the body is `basic-error`.
const ANYWHERE: [u16; 3] = [401, 403, 404];

impl Description {
    /// Reads the committed cut.
    pub fn load() -> Self {
        let mut cut: Value = serde_json::from_str(include_str!("../openapi/github.json")).unwrap();
        let defs = cut["$defs"].take();
        let mut paths: Vec<Path> = cut["paths"].as_object().unwrap().iter().map(|(t, m)| path(t, m)).collect();
        let literal = |path: &Path| path.template.split('/').filter(|part| !part.starts_with('{')).count();
        paths.sort_by_key(|path| std::cmp::Reverse(literal(path)));
        Self { paths, defs, compiled: std::cell::RefCell::default() }
    }

    /// Every `METHOD /path` of the cut.
    pub fn operations(&self) -> BTreeSet<String> {
        let all = self.paths.iter().flat_map(|p| p.methods.keys().map(move |m| (m, &p.template)));
        all.map(|(method, template)| format!("{} {template}", method.to_ascii_uppercase())).collect()
    }

    /// `METHOD /path` of the operation that an exchange is one of.
    pub fn operation(&self, exchange: &Exchange) -> Option<String> {
        self.find(exchange).map(|(path, _)| format!("{} {}", exchange.method, path.template))
    }

    /// Everything in these exchanges that GitHub would not have asked or answered.
    pub fn violations<'a>(&self, exchanges: impl IntoIterator<Item = &'a Exchange>) -> Vec<String> {
        let mut all = Vec::new();
        for exchange in exchanges {
            let mut found = Vec::new();
            self.judge(exchange, &mut found);
            let status = exchange.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let head = format!("{} {} ({status})", exchange.method, exchange.path);
            all.extend(found.into_iter().map(|violation| format!("{head}: {violation}")));
        }
        all
    }

    fn find(&self, exchange: &Exchange) -> Option<(&Path, &Value)> {
        let asked = exchange.path.strip_prefix("/api/v3").unwrap_or(&exchange.path);
        let method = exchange.method.to_ascii_lowercase();
        let admits = |path: &&Path| path.methods.contains_key(&method) && path.pattern.is_match(asked);
        self.paths.iter().find(admits).map(|path| (path, &path.methods[&method]))
    }

    fn judge(&self, exchange: &Exchange, found: &mut Vec<String>) {
        if matches!(exchange.path.as_str(), "/graphql" | "/api/graphql") {
            // The description covers REST only: hold GraphQL to its envelope.
            if !exchange.json()["query"].is_string() {
                found.push("a GraphQL request without a query".into());
            }
            return;
        }
        let Some((path, operation)) = self.find(exchange) else {
            found.push("not in GitHub's description, or not in the cut".into());
            return;
        };
        self.query(exchange, &operation["query"], found);
        self.request(exchange, path, operation, found);
        if !exchange.faulted {
            self.response(exchange, path, operation, found);
        }
    }

    fn query(&self, exchange: &Exchange, declared: &Value, found: &mut Vec<String>) {
        for (name, value) in &exchange.query {
            let Some(parameter) = declared.get(name) else {
                found.push(format!("unknown query parameter {name:?}"));
                continue;
            };
            let kind = parameter["schema"]["type"].as_str();
            let typed = match kind {
                Some("integer" | "number") => value.parse::<i64>().map_or_else(|_| json!(value), |n| json!(n)),
                Some("boolean") => value.parse::<bool>().map_or_else(|_| json!(value), |b| json!(b)),
                _ => json!(value),
            };
            let key = format!("{} {} ?{name}", exchange.method, self.operation(exchange).unwrap_or_default());
            self.validate(&key, &parameter["schema"], &typed, &format!("query parameter {name}"), found);
        }
        for (name, parameter) in declared.as_object().into_iter().flatten() {
            if parameter["required"] == true && !exchange.query.iter().any(|(have, _)| have == name) {
                found.push(format!("query parameter {name:?} is missing"));
            }
        }
    }

    fn request(&self, exchange: &Exchange, path: &Path, operation: &Value, found: &mut Vec<String>) {
        let schema = &operation["body"];
        if exchange.body.is_empty() {
            if operation["bodyRequired"] == true {
                found.push("the request body is missing".into());
            }
        } else if schema.is_null() {
            // Clients send an empty object or null where nothing is asked for.
            if !matches!(exchange.json(), Value::Null) && exchange.json() != json!({}) {
                found.push("a request body where none is described".into());
            }
        } else {
            let key = format!("{} {} body", exchange.method, path.template);
            self.validate(&key, schema, &exchange.json(), "request", found);
        }
    }

    fn response(&self, exchange: &Exchange, path: &Path, operation: &Value, found: &mut Vec<String>) {
        let Some(status) = exchange.status else { return };
        let header = |name: &str| exchange.reply_headers.iter().any(|(have, _)| have.eq_ignore_ascii_case(name));
        if status == 304 {
            if header("content-type") || !exchange.reply.is_empty() {
                found.push("a 304 with content".into());
            }
            return;
        }
        let basic = json!({"$ref": "#/$defs/basic-error"});
        let schema = match operation["responses"].get(status.to_string()) {
            Some(schema) => schema,
            None if ANYWHERE.contains(&status) => &basic,
            None => {
                found.push(format!("status {status} is not described"));
                return;
            }
        };
        // GitHub says why it refuses, also where its description shows no body.
        let schema = if schema.is_null() && status >= 400 { &basic } else { schema };
        if schema.is_null() || exchange.method == "HEAD" {
            if !exchange.reply.is_empty() && exchange.method != "HEAD" {
                found.push("a response body where none is described".into());
            }
            return;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&exchange.reply) else {
            found.push("the response body is not JSON".into());
            return;
        };
        if let Value::Object(fields) = &mut body
            && status >= 400
        {
            // GitHub sends it with every refusal, the description of most leaves it out.
            fields.remove("status");
        }
        self.validate(&format!("{} {} {status}", exchange.method, path.template), schema, &body, "response", found);
    }

    fn validate(&self, key: &str, schema: &Value, value: &Value, what: &str, found: &mut Vec<String>) {
        let mut compiled = self.compiled.borrow_mut();
        let validator = compiled.entry(key.to_owned()).or_insert_with(|| {
            let whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": self.defs,
                "allOf": [schema]});
            jsonschema::validator_for(&whole).unwrap_or_else(|error| panic!("the schema of {key}: {error}"))
        });
        for error in validator.iter_errors(value) {
            let text: String = error.to_string().chars().take(300).collect();
            found.push(format!("{what}{}: {text}", error.instance_path()));
        }
        self.unknown(&[schema], value, what, found);
    }

    /// Fields that none of the schemas knows. GitHub's schemas do not close themselves.
    fn unknown(&self, schemas: &[&Value], value: &Value, at: &str, found: &mut Vec<String>) {
        let flat = self.flatten(schemas);
        match value {
            Value::Array(items) => {
                let inner: Vec<&Value> = flat.iter().filter_map(|schema| schema.get("items")).collect();
                for (index, item) in items.iter().enumerate().filter(|_| !inner.is_empty()) {
                    self.unknown(&inner, item, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(fields) => {
                let objects: Vec<&&Value> = flat.iter().filter(|schema| for_objects(schema)).collect();
                let open = objects.iter().any(|schema| is_open(schema));
                for (name, field) in fields {
                    let known: Vec<&Value> = objects.iter().filter_map(|s| s["properties"].get(name)).collect();
                    if !known.is_empty() {
                        self.unknown(&known, field, &format!("{at}/{name}"), found);
                    } else if !open {
                        found.push(format!("{at}: unknown field {name:?}"));
                    }
                }
            }
            _ => {}
        }
    }

    fn flatten<'a>(&'a self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let (mut todo, mut flat) = (schemas.to_vec(), Vec::new());
        while let Some(schema) = todo.pop() {
            if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
                todo.push(&self.defs[name]);
                continue;
            }
            for key in ["anyOf", "oneOf", "allOf"] {
                todo.extend(schema[key].as_array().into_iter().flatten());
            }
            flat.push(schema);
        }
        flat
    }
}

/// Whether a schema says something of objects by itself, not only through its alternatives.
fn for_objects(schema: &Value) -> bool {
    let admits = match &schema["type"] {
        Value::String(kind) => kind == "object",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        _ => false,
    };
    schema.get("properties").is_some()
        || (admits && !["anyOf", "oneOf", "allOf"].iter().any(|k| schema.get(k).is_some()))
}

fn is_open(schema: &Value) -> bool {
    match schema.get("additionalProperties") {
        Some(Value::Bool(open)) => *open,
        Some(_) => true,
        None => schema.get("properties").is_none(),
    }
}

fn path(template: &str, methods: &Value) -> Path {
    let part = |part: &str| match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some(name) if LONG.contains(&name) => ".+".to_owned(),
        Some(_) => "[^/]+".to_owned(),
        None => regex::escape(part),
    };
    let pattern = template.split('/').map(part).collect::<Vec<_>>().join("/");
    Path {
        template: template.to_owned(),
        pattern: regex::Regex::new(&format!("^{pattern}$")).unwrap(),
        methods: methods.as_object().unwrap().clone(),
    }
}
