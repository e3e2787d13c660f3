use super::*;
use std::path::Path;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

/// A kubeconfig of this cluster and user, written to a directory.
fn file(directory: &Path, name: &str, cluster: &str, user: &str) -> PathBuf {
    let path = directory.join(name);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn paths(all: &[&Path]) -> OsString {
    std::env::join_paths(all).unwrap()
}

#[test]
fn a_file_of_the_variable_that_is_not_there_is_passed_over_and_a_broken_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let good = file(directory.path(), "good", "server: 'https://k.example.com'", "");
    let (missing, broken) = (directory.path().join("missing"), directory.path().join("broken"));
    std::fs::create_dir(&broken).unwrap();
    for order in [[missing.as_path(), good.as_path()], [good.as_path(), missing.as_path()]] {
        assert_eq!(ambient(Some(paths(&order))).unwrap().clusters.len(), 1);
    }
    assert!(matches!(ambient(Some(paths(&[&missing]))), Err(KubeconfigError::FindPath)));
    let error = ambient(Some(paths(&[&good, &broken]))).unwrap_err();
    let said = refused::kubeconfig("the kubeconfig", &error).message;
    assert!(said.contains(&broken.display().to_string()), "{said}");
}

fn auth(token: Option<&str>, file: Option<&Path>) -> AuthInfo {
    let token = token.map(|token| SecretString::from(token.to_owned()));
    AuthInfo { token, token_file: file.map(|file| file.display().to_string()), ..AuthInfo::default() }
}

fn token(mut auth: AuthInfo) -> Result<String, String> {
    set_token(&mut auth).map(|()| auth.token.unwrap().expose_secret().to_owned())
}

#[test]
fn a_token_is_read_without_the_newline_that_ends_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "t0ken\n").unwrap();
    assert_eq!(token(auth(None, Some(&file))).unwrap(), "t0ken");
    std::fs::write(&file, "next\r\n").unwrap();
    assert_eq!(token(auth(None, Some(&file))).unwrap(), "next", "as it is now");
    assert_eq!(token(auth(Some("inline\n"), None)).unwrap(), "inline");
}

#[test]
fn a_token_that_is_none_is_named_by_its_place_and_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let said = |auth| token(auth).unwrap_err();
    assert!(said(auth(None, Some(&file))).starts_with(&format!("the token file {}: No such file", file.display())));
    std::fs::write(&file, "\n").unwrap();
    assert_eq!(said(auth(None, Some(&file))), format!("the token file {} is empty", file.display()));
    std::fs::write(&file, "s3cret\ns3cret").unwrap();
    for auth in [auth(None, Some(&file)), auth(Some("s3cret\ns3cret"), None)] {
        let said = said(auth);
        assert!(said.contains("is no token") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn the_path_of_a_server_is_shown_and_neither_its_user_nor_its_query() {
    for (url, said) in [
        ("https://host/k8s/clusters/c-1/", "https://host/k8s/clusters/c-1"),
        ("https://me:s3cret@host:6443/?a=b", "https://host:6443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
    ] {
        assert_eq!(shown(&url.parse().unwrap()), said);
    }
}

#[tokio::test]
async fn the_kubeconfigs_proxy_is_asked_for_the_server() {
    crate::world::init::tls_provider();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = String::new();
        BufReader::new(&mut stream).read_line(&mut line).await.unwrap();
        stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        line
    });
    let directory = tempfile::tempdir().unwrap();
    let cluster = format!("server: 'https://k.example.com', proxy-url: '{place}'");
    let access = ClusterAccess::Kubeconfig {
        file: Some(file(directory.path(), "config", &cluster, "token: t0ken")),
        context: None,
    };
    let (timeout, making) = (Duration::from_secs(5), Arc::new(Semaphore::new(1)));
    let deadline = Instant::now() + timeout;
    let connection = connect(&access, timeout, deadline, &making).await.unwrap();
    connection.get("/version", deadline).await.unwrap_err();
    assert_eq!(heard.await.unwrap(), "CONNECT k.example.com:443 HTTP/1.1\r\n");
}
