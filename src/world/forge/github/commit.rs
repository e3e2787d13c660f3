//! Commits and branches through the API: GitHub then signs an App's commits. Objects are named by their content, so
//! making them twice is harmless; a branch moves by GraphQL `updateRefs`, which takes the commit that it must be at.

use super::client::Ask;
use super::wire::{Commit, Made, Object, Reference};
use super::{GitHubForge, branch_path, segment};
use crate::world::forge::{FileChange, ForgeError, NewCommit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

const CONTENTS: &str = "contents: write";
/// What `updateRefs` takes for "is not there".
const ABSENT: &str = "0000000000000000000000000000000000000000";
const NODE: &str = "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id } }";
const UPDATE: &str = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }";

impl GitHubForge {
    pub(super) async fn head_of(&self, branch: &str) -> Result<Option<String>, ForgeError> {
        let what = self.what(&format!("reading branch {branch}"));
        let path = format!("{}/git/ref/heads/{}", self.root(), branch_path(branch));
        match self.client.json::<Reference>(Ask::get(&what, &path, "contents: read")).await {
            Ok(reference) => Ok(Some(reference.object.sha)),
            Err(ForgeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn commit_objects(&self, commit: &NewCommit) -> Result<String, ForgeError> {
        let what = self.what("reading the base commit");
        let path = format!("{}/git/commits/{}", self.root(), segment(&commit.parent));
        let parent: Commit = self.client.json(Ask::get(&what, &path, "contents: read")).await?;
        let mut entries = Vec::new();
        for file in &commit.files {
            entries.push(self.tree_entry(file).await?);
        }
        let tree = self.object("trees", json!({"base_tree": parent.tree.sha, "tree": entries})).await?;
        let body = json!({"message": commit.message, "tree": tree, "parents": [commit.parent]});
        let made: Made = self.post("commits", body).await?;
        if let (Some(author), Some(committer)) = (made.author.email, made.committer.email) {
            self.client.note_made(author, committer);
        }
        Ok(made.sha)
    }

    async fn tree_entry(&self, file: &FileChange) -> Result<Value, ForgeError> {
        let content = STANDARD.encode(&file.content);
        let blob = self.object("blobs", json!({"content": content, "encoding": "base64"})).await?;
        let mode = if file.executable { "100755" } else { "100644" };
        Ok(json!({"path": file.path, "mode": mode, "type": "blob", "sha": blob}))
    }

    async fn object(&self, kind: &str, body: Value) -> Result<String, ForgeError> {
        Ok(self.post::<Object>(kind, body).await?.sha)
    }

    async fn post<T: serde::de::DeserializeOwned>(&self, kind: &str, body: Value) -> Result<T, ForgeError> {
        let what = self.what(&format!("writing git {kind}"));
        let path = format!("{}/git/{kind}", self.root());
        self.client.json(Ask::write(&what, Method::POST, &path, body, CONTENTS)).await
    }

    pub(super) async fn move_ref(
        &self,
        branch: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), ForgeError> {
        if before.is_none() && after.is_none() {
            return Ok(());
        }
        let what = self.what(&format!("moving branch {branch}"));
        let id = self.node.get_or_try_init(|| self.node_id()).await?;
        let update = json!({
            "name": format!("refs/heads/{branch}"),
            "beforeOid": before.unwrap_or(ABSENT),
            "afterOid": after.unwrap_or(ABSENT),
            "force": true,
        });
        let body = json!({"query": UPDATE, "variables": {"input": {"repositoryId": id, "refUpdates": [update]}}});
        let Err(error) = self.client.graphql(Ask::write(&what, Method::POST, "", body, CONTENTS).once()).await else {
            return Ok(());
        };
        let lost =
            matches!(error, ForgeError::Server { .. } | ForgeError::Timeout { .. } | ForgeError::Unreachable { .. });
        if !lost && !matches!(error, ForgeError::Conflict { .. } | ForgeError::Validation { .. }) {
            return Err(error);
        }
        // An earlier try whose answer was lost has done it already.
        if self.head_of(branch).await?.as_deref() == after { Ok(()) } else { Err(error) }
    }

    async fn node_id(&self) -> Result<String, ForgeError> {
        let what = self.what("reading the repository's id");
        let (owner, name) = self.name.split_once('/').unwrap_or((&self.name, ""));
        let body = json!({"query": NODE, "variables": {"owner": owner, "name": name}});
        let data = self.client.graphql(Ask::write(&what, Method::POST, "", body, "metadata: read")).await?;
        let id = data.pointer("/repository/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or(ForgeError::NotFound { what })
    }
}
