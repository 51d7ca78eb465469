//! What is asked of the server, and how its objects are read.

use drp_virtual_media::drp::server::ServerErrorKind;
use serde_json::{Value, json};

use crate::peer::{Peer, Reply, Request, TOKEN, limits};
use drp_virtual_media::drp::server::ServerTls;

const UUID: &str = "9f0c2a4e-1111-4222-8333-444455556666";

/// A server that has one thing of each kind.
fn one_of_each(request: &Request) -> Reply {
    let resolves =
        request.query("aggregate").as_deref() == Some("true") && request.query("decode").as_deref() == Some("true");
    let machine = format!("machines/{UUID}");
    let params = format!("{machine}/params");
    match request.path() {
        "info" => Reply::Json(200, json!({"version": "v4.8.0", "features": ["virtual-media-boot"], "errors": null})),
        path if path == machine => Reply::Json(200, json!({"Uuid": UUID, "Params": null})),
        path if path == params && resolves => Reply::Json(200, json!({"ipmi/password": "plain"})),
        path if path == format!("{params}/ipmi/mode") && resolves => Reply::Json(200, json!("redfish")),
        path if path == format!("{params}/unset") => Reply::Json(200, Value::Null),
        path if path == format!("{params}/bootenv-customize") && request.query("compose").is_some() && resolves => {
            let arch = json!({"Kernel": "def456/vmlinuz0"});
            Reply::Json(200, json!({"my own env": {"OS": {"SupportedArchitectures": {"x86_64": arch}}}}))
        }
        "bootenvs/my%20own%20env" => Reply::Json(200, json!({"Name": "my own env", "Kernel": "abc123/vmlinuz0"})),
        "bootenvs/odd" => Reply::Json(200, json!({"Name": "odd", "Kernel": 7})),
        "plugins/virtual-media/params" if resolves => Reply::Json(200, Value::Null),
        _ => Reply::error(404, "Not Found"),
    }
}

#[tokio::test]
async fn objects_are_read_where_the_server_has_them() {
    let peer = Peer::start(one_of_each).await;
    let server = peer.server();
    assert!(server.info().await.unwrap().has("virtual-media-boot"));
    assert_eq!(server.machine(UUID).await.unwrap().unwrap()["Uuid"], UUID);
    assert_eq!(server.resolved_params(UUID).await.unwrap().unwrap()["ipmi/password"], "plain");
    assert_eq!(server.param(UUID, "ipmi/mode").await.unwrap(), "redfish");
    assert_eq!(server.param(UUID, "unset").await.unwrap(), Value::Null);
    assert!(server.plugin_params("virtual-media").await.unwrap().is_empty());
    assert_eq!(server.bootenv("my own env").await.unwrap().unwrap().selection("amd64").signature(), Some("abc123"));
    let own = server.bootenv_of(UUID, "my own env").await.unwrap().unwrap();
    assert_eq!(own.selection("amd64").signature(), Some("def456"));
    for request in peer.requests() {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()), "{request:?}");
        assert!(!request.target.contains(TOKEN));
    }
}

#[tokio::test]
async fn what_is_not_there_is_none_or_an_error_of_its_own_kind() {
    let peer = Peer::start(one_of_each).await;
    let server = peer.server();
    let gone = "00000000-0000-4000-8000-000000000000";
    assert!(server.machine(gone).await.unwrap().is_none());
    assert!(server.resolved_params(gone).await.unwrap().is_none());
    assert!(server.bootenv("none").await.unwrap().is_none());
    assert!(server.bootenv_of(UUID, "none").await.unwrap().is_none());
    for error in [
        server.param(gone, "ipmi/mode").await.unwrap_err(),
        server.bootenv_of(gone, "my own env").await.unwrap_err(),
        server.plugin_params("none").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ServerErrorKind::NotFound, "{error}");
    }
    // A name that would lead elsewhere is not even asked for.
    let asked = peer.requests().len();
    assert!(server.bootenv("..").await.unwrap().is_none() && server.machine("").await.unwrap().is_none());
    assert_eq!(server.param(UUID, "a/../../b").await.unwrap_err().kind(), ServerErrorKind::NotFound);
    assert_eq!(peer.requests().len(), asked);
}

#[tokio::test]
async fn an_object_of_another_shape_is_an_error_that_says_so() {
    let peer = Peer::start(one_of_each).await;
    let error = peer.server().bootenv("odd").await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Answer);
    assert!(error.to_string().starts_with("reading BootEnv odd: the server at https://127.0.0.1:"), "{error}");
    for odd in [json!([]), json!("x"), json!(7)] {
        let peer = Peer::start(move |_| Reply::Json(200, odd.clone())).await;
        let server = peer.server();
        assert_eq!(server.info().await.unwrap_err().kind(), ServerErrorKind::Answer);
        assert_eq!(server.resolved_params(UUID).await.unwrap_err().kind(), ServerErrorKind::Answer);
        assert_eq!(server.change_param(UUID, "k", |_| None).await.unwrap_err().kind(), ServerErrorKind::Answer);
    }
}

fn uuid(n: usize) -> String {
    format!("{n:08}-0000-4000-8000-000000000000")
}

/// A server with machines of these numbers, which keeps to sort, limit and filter as long as `keeps` says so; `changes`
/// is called with the machines before each page.
async fn fleet(machines: Vec<usize>, largest_page: usize, keeps: bool, changes: fn(usize, &mut Vec<usize>)) -> Peer {
    let state = std::sync::Mutex::new((0, machines));
    Peer::start(move |request| {
        let (pages, machines) = &mut *state.lock().unwrap();
        changes(*pages, machines);
        *pages += 1;
        let object = |n: &usize| json!({"Uuid": uuid(*n), "Params": {"wanted": n, "inventory": "large"}});
        if !keeps || request.query("sort").is_none() {
            return Reply::Json(200, machines.iter().rev().map(object).collect());
        }
        let behind = request.query("Uuid").and_then(|q| Some(q.strip_prefix("Gt(")?.strip_suffix(')')?.to_owned()));
        let limit = request.query("limit").unwrap().parse::<usize>().unwrap().min(largest_page);
        let page = machines.iter().filter(|n| behind.as_ref().is_none_or(|behind| uuid(**n) > *behind)).take(limit);
        Reply::Json(200, page.map(object).collect())
    })
    .await
}

async fn listed(peer: &Peer) -> Vec<u64> {
    let machines = peer.server().machines(&["wanted", "virtual-media/state"]).await.unwrap();
    assert!(machines.iter().all(|machine| machine["Params"].get("inventory").is_none()));
    machines.iter().map(|machine| machine["Params"]["wanted"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_long_list_is_read_in_pages_of_any_size() {
    for (machines, largest_page) in [(0, 10), (1, 10), (100, 100), (101, 100), (250, 7)] {
        let peer = fleet((0..machines).collect(), largest_page, true, |_, _| {}).await;
        assert_eq!(listed(&peer).await, (0..machines as u64).collect::<Vec<_>>());
        let requests = peer.requests();
        assert!(
            requests.iter().all(|request| request.query("params").as_deref() == Some("wanted,virtual-media/state"))
        );
        assert_eq!(requests.len(), machines.div_ceil(largest_page) + 1);
    }
}

#[tokio::test]
async fn no_machine_is_missed_when_others_go_or_come_between_two_pages() {
    let changes = |pages, machines: &mut Vec<usize>| match pages {
        // Some of those already listed go, which would move an offset, and others come on both sides.
        1 => machines.retain(|n| *n > 4),
        2 => machines.extend([1000, 1001]),
        _ => {}
    };
    let peer = fleet((2..40).collect(), 5, true, changes).await;
    assert_eq!(listed(&peer).await, (2..40).chain([1000, 1001]).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_server_that_does_not_page_is_asked_for_all_at_once() {
    let peer = fleet((0..300).collect(), 10, false, |_, _| {}).await;
    assert_eq!(listed(&peer).await, (0..300).collect::<Vec<u64>>());
    let refusing = Peer::start(|request| match request.query("sort") {
        Some(_) => Reply::error(406, "no such index"),
        None => Reply::Json(200, json!([{"Uuid": uuid(1), "Params": {"wanted": 1}}])),
    })
    .await;
    assert_eq!(listed(&refusing).await, [1]);
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let fails_later =
        Peer::scripted([Reply::Json(200, json!([{"Uuid": uuid(1)}])), Reply::error(500, "database is gone")]).await;
    let error = fails_later.server().machines(&[]).await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Refused(500));
    for odd in [json!({}), json!([{"Name": "without Uuid"}]), json!([null])] {
        let peer = Peer::start(move |_| Reply::Json(200, odd.clone())).await;
        assert_eq!(peer.server().machines(&[]).await.unwrap_err().kind(), ServerErrorKind::Answer);
    }
    let large = Peer::start(|_| Reply::Json(200, json!([{"Uuid": uuid(1), "Params": {"x": "y".repeat(5000)}}]))).await;
    let small = drp_virtual_media::drp::server::ServerLimits { list: 4096, ..limits() };
    let error = large.server_with(&ServerTls::Accept, small).machines(&[]).await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Answer);
}
