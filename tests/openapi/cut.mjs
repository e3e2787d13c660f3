// Makes github.json: the paths that the fake forge serves and their schemas, cut from GitHub's own description
// (npm package @octokit/openapi, MIT licence, Copyright (c) 2020 Octokit contributors). Run: npm ci && node cut.mjs
//
// OpenAPI 3.0's `nullable` becomes a JSON Schema that admits null, references point into `$defs`, and everything that
// validates nothing (descriptions, examples, titles) goes.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const source = require.resolve("@octokit/openapi/generated/api.github.com.json");
const api = JSON.parse(readFileSync(source, "utf8"));
const version = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8")).dependencies["@octokit/openapi"];

const R = "/repos/{owner}/{repo}";
const wanted = {
  "/user": ["get"],
  "/users/{username}": ["get"],
  "/rate_limit": ["get"],
  "/search/issues": ["get"],
  "/app": ["get"],
  "/app/installations/{installation_id}": ["get"],
  "/app/installations/{installation_id}/access_tokens": ["post"],
  "/installation/repositories": ["get"],
  [`${R}`]: ["get"],
  [`${R}/installation`]: ["get"],
  [`${R}/assignees/{assignee}`]: ["get"],
  [`${R}/collaborators/{username}`]: ["get"],
  [`${R}/branches`]: ["get"],
  [`${R}/branches/{branch}`]: ["get"],
  [`${R}/branches/{branch}/protection`]: ["get"],
  [`${R}/branches/{branch}/protection/required_status_checks`]: ["get"],
  [`${R}/rules/branches/{branch}`]: ["get"],
  [`${R}/commits`]: ["get"],
  [`${R}/commits/{ref}`]: ["get"],
  [`${R}/commits/{ref}/status`]: ["get"],
  [`${R}/commits/{ref}/statuses`]: ["get"],
  [`${R}/commits/{ref}/check-runs`]: ["get"],
  [`${R}/commits/{ref}/check-suites`]: ["get"],
  [`${R}/commits/{commit_sha}/pulls`]: ["get"],
  [`${R}/statuses/{sha}`]: ["post"],
  [`${R}/compare/{basehead}`]: ["get"],
  [`${R}/contents/{path}`]: ["get"],
  [`${R}/git/blobs`]: ["post"],
  [`${R}/git/blobs/{file_sha}`]: ["get"],
  [`${R}/git/commits`]: ["post"],
  [`${R}/git/commits/{commit_sha}`]: ["get"],
  [`${R}/git/trees`]: ["post"],
  [`${R}/git/trees/{tree_sha}`]: ["get"],
  [`${R}/git/ref/{ref}`]: ["get"],
  [`${R}/git/matching-refs/{ref}`]: ["get"],
  [`${R}/git/refs`]: ["post"],
  [`${R}/git/refs/{ref}`]: ["patch", "delete"],
  [`${R}/issues`]: ["get"],
  [`${R}/issues/comments`]: ["get"],
  [`${R}/issues/comments/{comment_id}`]: ["get", "patch", "delete"],
  [`${R}/issues/{issue_number}`]: ["get", "patch"],
  [`${R}/issues/{issue_number}/assignees`]: ["post", "delete"],
  [`${R}/issues/{issue_number}/comments`]: ["get", "post"],
  [`${R}/issues/{issue_number}/events`]: ["get"],
  [`${R}/issues/{issue_number}/timeline`]: ["get"],
  [`${R}/issues/{issue_number}/labels`]: ["get", "post", "put", "delete"],
  [`${R}/issues/{issue_number}/labels/{name}`]: ["delete"],
  [`${R}/labels`]: ["get", "post"],
  [`${R}/labels/{name}`]: ["get"],
  [`${R}/pulls`]: ["get", "post"],
  [`${R}/pulls/{pull_number}`]: ["get", "patch"],
  [`${R}/pulls/{pull_number}/comments`]: ["get"],
  [`${R}/pulls/{pull_number}/commits`]: ["get"],
  [`${R}/pulls/{pull_number}/files`]: ["get"],
  [`${R}/pulls/{pull_number}/merge`]: ["get", "put"],
  [`${R}/pulls/{pull_number}/requested_reviewers`]: ["get", "post", "delete"],
  [`${R}/pulls/{pull_number}/reviews`]: ["get", "post"],
  [`${R}/pulls/{pull_number}/update-branch`]: ["put"],
};

const component = (ref) => ref.split("/").slice(1).reduce((at, key) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
const resolve = (value) => (value?.$ref ? component(value.$ref) : value);
const defs = {};
const silent = new Set(["description", "example", "examples", "title", "externalDocs", "deprecated", "discriminator", "xml", "readOnly", "writeOnly"]);

function name(ref) {
  const key = ref.split("/").pop();
  if (!(key in defs)) {
    defs[key] = {};
    defs[key] = schema(component(ref));
  }
  return { $ref: `#/$defs/${key}` };
}

function schema(value, properties = false) {
  if (Array.isArray(value)) return value.map((item) => schema(item));
  if (value === null || typeof value !== "object") return value;
  if (!properties && value.$ref) return name(value.$ref);
  const out = {};
  for (const [key, item] of Object.entries(value)) {
    if (!properties && (silent.has(key) || key.startsWith("x-") || key === "nullable" || key === "default")) continue;
    out[key] = ["enum", "const", "required"].includes(key) && !properties ? item : schema(item, key === "properties" && !properties);
  }
  if (!properties && value.nullable) {
    if (out.type && !out.oneOf && !out.anyOf && !out.allOf) {
      out.type = [out.type, "null"].flat();
      if (out.enum && !out.enum.includes(null)) out.enum = [...out.enum, null];
      return out;
    }
    return { anyOf: [out, { type: "null" }] };
  }
  return out;
}

const json = (content) => {
  const key = Object.keys(content ?? {}).find((type) => type.startsWith("application/json"));
  return key ? schema(content[key].schema) : null;
};

const paths = {};
for (const [path, methods] of Object.entries(wanted)) {
  // Some parameters have another name on another method of the same shape: take the path as GitHub writes it.
  if (!api.paths[path]) throw new Error(`GitHub's description has no ${path}`);
  for (const method of methods) {
    const operation = api.paths[path][method];
    if (!operation) throw new Error(`GitHub's description has no ${method} ${path}`);
    const parameters = [...(api.paths[path].parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
    const query = Object.fromEntries(
      parameters.filter((p) => p.in === "query").map((p) => [p.name, { required: !!p.required, schema: schema(p.schema) }]),
    );
    const responses = Object.fromEntries(
      Object.entries(operation.responses).map(([status, response]) => [status, json(resolve(response).content)]),
    );
    const body = resolve(operation.requestBody);
    paths[path] ??= {};
    paths[path][method] = { query, body: body ? json(body.content) : null, bodyRequired: !!body?.required, responses };
  }
}

const cut = {
  notice: `Cut by cut.mjs from @octokit/openapi ${version}, GitHub's description of its API. MIT licence, Copyright (c) 2020 Octokit contributors; see LICENSE.github.`,
  paths,
  $defs: Object.fromEntries(Object.entries(defs).sort(([a], [b]) => (a < b ? -1 : 1))),
};
const text = JSON.stringify(cut) + "\n";
writeFileSync(new URL("./github.json", import.meta.url), text);
console.log(`${Object.keys(paths).length} paths, ${Object.keys(defs).length} schemas, ${text.length} bytes`);
