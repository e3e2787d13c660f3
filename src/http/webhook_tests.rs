use super::super::tests::{call, signed, stage};
use super::*;
use axum::http::Request;
use std::convert::Infallible;

/// A body that never ends, of unknown length.
fn endless() -> Body {
    Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, Infallible>>())
}

fn headers(request: &Request<Body>) -> HeaderMap {
    request.headers().clone()
}

#[tokio::test]
async fn nothing_of_a_body_is_read_without_a_secret_and_a_signature() {
    let mut stage = stage();
    let unsigned = Request::post("/webhook/github").body(endless()).unwrap();
    assert_eq!(call(&stage.surfaces, unsigned).await.0, StatusCode::UNAUTHORIZED);
    let short = Request::post("/webhook/github").header("x-hub-signature-256", "sha256=00").body(endless()).unwrap();
    assert_eq!(call(&stage.surfaces, short).await.0, StatusCode::UNAUTHORIZED);
    stage.surfaces.webhook_secret = Arc::new(|| Ok(None));
    let mut call_without = signed("{}", "hush", "push");
    *call_without.body_mut() = endless();
    assert_eq!(call(&stage.surfaces, call_without).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_and_its_turn_goes_to_the_next() {
    let stage = stage();
    let turns = Turns::default();
    let push = signed("{}", "hush", "push");
    let slow = github(stage.surfaces.clone(), turns.clone(), headers(&push), endless());
    let second = github(stage.surfaces.clone(), turns.clone(), headers(&push), endless());
    let ((first, _), (second, _)) = tokio::join!(slow, second);
    assert_eq!((first, second), (StatusCode::REQUEST_TIMEOUT, StatusCode::REQUEST_TIMEOUT));
    let large = format!(r#"{{"repository":{{"full_name":"acme/fleet"}},"x":"{}"}}"#, "x".repeat(1 << 20));
    let request = signed(&large, "hush", "push");
    let answer = github(stage.surfaces.clone(), turns, headers(&request), request.into_body()).await;
    assert_eq!(answer.0, StatusCode::ACCEPTED, "the turn is free again");
    assert_eq!(*stage.woken.lock().unwrap(), ["acme/fleet"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_begins_many_and_sends_nothing_holds_no_call_back_for_long() {
    let stage = stage();
    let turns = Turns::default();
    let push = signed(r#"{"repository":{"full_name":"acme/fleet"}}"#, "hush", "push");
    let mut idle = tokio::task::JoinSet::new();
    for _ in 0..4 * SMALL_AT_ONCE {
        let turns = turns.clone();
        idle.spawn(async move {
            let _turn = turns.small.acquire().await;
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"hush");
            read_signed(endless(), &key, &[0; 32], SMALL).await.unwrap_err().0
        });
    }
    tokio::task::yield_now().await;
    let body = Body::from(r#"{"repository":{"full_name":"acme/fleet"}}"#);
    let answer = github(stage.surfaces.clone(), turns, headers(&push), body).await;
    assert_eq!(answer.0, StatusCode::ACCEPTED, "behind four rounds of a second each");
    assert!(idle.join_all().await.into_iter().all(|code| code == StatusCode::REQUEST_TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn large_bodies_wait_for_each_other_and_small_ones_do_not_wait_for_them() {
    let stage = stage();
    let turns = Turns::default();
    let push = signed(r#"{"repository":{"full_name":"acme/fleet"}}"#, "hush", "push");
    let slow = github(stage.surfaces.clone(), turns.clone(), headers(&push), endless());
    let small = async {
        tokio::task::yield_now().await;
        assert_eq!(turns.large.available_permits(), 0, "one is being read");
        let body = Body::from(r#"{"repository":{"full_name":"acme/fleet"}}"#);
        github(stage.surfaces.clone(), turns.clone(), headers(&push), body).await.0
    };
    let (_, small) = tokio::join!(slow, small);
    assert_eq!(small, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_body_is_signed_as_a_whole_whatever_pieces_it_comes_in() {
    let stage = stage();
    let text = r#"{"repository":{"full_name":"acme/fleet"}}"#;
    let pieces = |text: &'static str| {
        Body::from_stream(futures_util::stream::iter(text.as_bytes().chunks(7).map(Ok::<_, Infallible>)))
    };
    let mut good = signed(text, "hush", "push");
    *good.body_mut() = pieces(text);
    assert_eq!(call(&stage.surfaces, good).await.0, StatusCode::ACCEPTED);
    let mut cut = signed(text, "hush", "push");
    *cut.body_mut() = pieces(&text[..text.len() - 1]);
    assert_eq!(call(&stage.surfaces, cut).await.0, StatusCode::UNAUTHORIZED);
}
