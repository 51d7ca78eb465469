//! One parameter changed beside other writers.

use std::sync::{Arc, Mutex};

use drp_virtual_media::drp::server::ServerErrorKind;
use serde_json::{Value, json};

use crate::peer::{Peer, Reply, Request, impatient, limits};
use drp_virtual_media::drp::server::ServerTls;

const KEY: &str = "virtual-media/state";

/// A machine's parameters behind the API: reads and guarded patches. `meanwhile` is called before each patch.
fn machine(
    params: Arc<Mutex<Value>>,
    meanwhile: impl Fn(&mut Value) + Send + Sync + 'static,
) -> impl Fn(&Request) -> Reply {
    move |request| {
        let mut params = params.lock().unwrap();
        if request.method == "GET" {
            return Reply::Json(200, params.clone());
        }
        meanwhile(&mut params);
        let patch: json_patch::Patch = serde_json::from_slice(&request.body).unwrap();
        match json_patch::patch(&mut params, &patch) {
            Ok(()) => Reply::Json(200, params.clone()),
            Err(_) => Reply::error(409, "Patch error at line 0: Test op failed."),
        }
    }
}

fn count(value: Option<&Value>) -> Value {
    json!(value.and_then(Value::as_u64).unwrap_or_default() + 1)
}

fn patches(peer: &Peer) -> Vec<Value> {
    peer.requests().iter().filter(|request| request.method == "PATCH").map(Request::json).collect()
}

#[tokio::test]
async fn a_param_is_made_changed_and_removed() {
    let params = Arc::new(Mutex::new(json!({"other": [1.5, {"a": null}]})));
    let peer = Peer::start(machine(Arc::clone(&params), |_| {})).await;
    let server = peer.server();
    let now = || params.lock().unwrap().clone();
    for expected in 1..4 {
        server.change_param("u", KEY, |value| Some(count(value))).await.unwrap();
        assert_eq!(now(), json!({"other": [1.5, {"a": null}], KEY: expected}));
    }
    server.change_param("u", KEY, |_| None).await.unwrap();
    assert_eq!(now(), json!({"other": [1.5, {"a": null}]}));
    assert_eq!(peer.requests()[1].target, "/api/v3/machines/u/params");
}

#[tokio::test]
async fn nothing_is_written_where_nothing_changes() {
    for params in [json!({KEY: {"Phase": "Idle"}}), json!({}), json!(null), json!({KEY: null})] {
        let peer = Peer::start(machine(Arc::new(Mutex::new(params)), |_| {})).await;
        peer.server().change_param("u", KEY, |held| Some(held?.clone())).await.unwrap();
        assert!(patches(&peer).is_empty());
    }
}

#[tokio::test]
async fn a_writer_of_another_param_does_not_get_in_the_way() {
    let params = Arc::new(Mutex::new(json!({KEY: 1, "other": 0})));
    let peer = Peer::start(machine(Arc::clone(&params), |params| params["other"] = count(params.get("other")))).await;
    peer.server().change_param("u", KEY, |value| Some(count(value))).await.unwrap();
    assert_eq!((patches(&peer).len(), params.lock().unwrap().clone()), (1, json!({KEY: 2, "other": 1})));
}

#[tokio::test]
async fn a_change_that_somebody_else_was_first_with_is_made_on_what_is_there_then() {
    for before in [json!({KEY: 1}), json!({})] {
        let params = Arc::new(Mutex::new(before));
        let others = Mutex::new(3);
        let peer = Peer::start(machine(Arc::clone(&params), move |params| {
            let mut left = others.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                params[KEY] = count(params.get(KEY));
            }
        }))
        .await;
        let first = params.lock().unwrap().get(KEY).and_then(Value::as_u64).unwrap_or_default();
        peer.server().change_param("u", KEY, |value| Some(count(value))).await.unwrap();
        assert_eq!(params.lock().unwrap()[KEY], first + 4);
        assert_eq!(patches(&peer).len(), 4);
    }
}

#[tokio::test]
async fn a_param_that_is_always_changed_by_others_is_given_up() {
    let params = Arc::new(Mutex::new(json!({KEY: 1})));
    let peer = Peer::start(machine(Arc::clone(&params), |params| params[KEY] = count(params.get(KEY)))).await;
    let error = peer.server().change_param("u", KEY, |value| Some(count(value))).await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Conflict);
    assert!(
        error.to_string().contains("answered 409 Conflict to PATCH /api/v3/machines/u/params: Patch error"),
        "{error}"
    );
    assert_eq!(patches(&peer).len(), 6);
}

#[tokio::test]
async fn a_patch_whose_answer_is_lost_is_looked_at_before_it_is_sent_again() {
    for applied in [true, false] {
        let params = Arc::new(Mutex::new(json!({KEY: 1})));
        let behind = machine(Arc::clone(&params), |_| {});
        let lost = Mutex::new(false);
        let peer = Peer::start(move |request| {
            let mut lost = lost.lock().unwrap();
            if request.method == "PATCH" && !*lost {
                *lost = true;
                if applied {
                    behind(request);
                }
                return Reply::HangUp;
            }
            behind(request)
        })
        .await;
        peer.server().change_param("u", KEY, |_| Some(json!("ours"))).await.unwrap();
        assert_eq!(params.lock().unwrap()[KEY], "ours");
        assert_eq!(patches(&peer).len(), if applied { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_machine_that_is_gone_is_an_error_of_its_own() {
    let gone = Peer::start(|_| Reply::error(404, "Not Found")).await;
    let error = gone.server().change_param("u", KEY, |_| Some(json!(1))).await.unwrap_err();
    assert_eq!((error.kind(), gone.requests().len()), (ServerErrorKind::NotFound, 1));
    let going = Peer::scripted([Reply::Json(200, json!({})), Reply::error(404, "Not Found")]).await;
    let error = going.server().change_param("u", KEY, |_| Some(json!(1))).await.unwrap_err();
    assert_eq!((error.kind(), going.requests().len()), (ServerErrorKind::NotFound, 2));
}

#[tokio::test]
async fn only_what_may_pass_is_tried_again() {
    let cases = [
        (Reply::error(422, "Machine is locked"), limits(), ServerErrorKind::Refused(422)),
        (Reply::error(403, "no update"), limits(), ServerErrorKind::TokenRefused),
        (Reply::error(500, "oops"), limits(), ServerErrorKind::Refused(500)),
        (Reply::Silence(b""), impatient(), ServerErrorKind::Timeout),
    ];
    for (reply, limits, kind) in cases {
        let peer = Peer::scripted([Reply::Json(200, json!({})), reply]).await;
        let server = peer.server_with(&ServerTls::Accept, limits);
        let error = server.change_param("u", KEY, |_| Some(json!(1))).await.unwrap_err();
        assert_eq!((error.kind(), patches(&peer).len()), (kind, 1), "{error}");
    }
}
