//! A provider's life: defined, unpacked, started, configured, asked, killed, stopped.

use reqwest::Method;
use serde_json::json;

use crate::client::{Client, PLUGIN, in_time};

#[tokio::test]
async fn a_provider_is_defined_unpacked_started_and_stopped() {
    in_time(async {
        let client = Client::with_plugin().await;
        let (status, provider) = client.get("plugin_providers/sim").await;
        assert_eq!(
            (status, &provider["AvailableActions"][0]["Provider"], &provider["RequiredParams"]),
            (200, &json!("sim"), &json!([]))
        );
        assert_eq!(client.get("plugins/sim").await.1["Provider"], "sim");
        assert!(client.webroot.path().join("files/plugin_providers/sim/asset.txt").exists());
        client.server.until(|server| server.log_lines().iter().any(|line| line["Message"] == "configured")).await;

        let (status, config) = client.send(Method::POST, "plugins/sim/actions/config", &json!({})).await;
        assert_eq!((status, config), (200, json!({ "Name": "sim" })));
        client.server.configure_plugin(json!({ "a": 1 })).await.unwrap();
        let (_, config) = client.send(Method::POST, "plugins/sim/actions/config", &json!({})).await;
        assert_eq!(config, json!({ "a": 1, "Name": "sim" }));
        let refused = client.server.configure_plugin(json!({ "refuse": true })).await.unwrap_err();
        assert_eq!(refused.to_string(), "rpc: plugin/sim: told to refuse");

        client.server.stop().await.unwrap();
        assert_eq!(client.server.strays(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn an_action_reaches_the_plugin_and_its_failure_the_caller() {
    in_time(async {
        let client = Client::with_plugin().await;
        let machine = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let path = format!("machines/{machine}/actions");
        let (status, answer) = client.send(Method::POST, &format!("{path}/echo"), &json!({ "sim/required": 1 })).await;
        assert_eq!((status, &answer["sim/required"]), (200, &json!(1)));
        for (path, body, status, text) in [
            ("machines/fred/actions/echo".to_owned(), json!({}), 404, "POST: machines/fred: Not Found".to_owned()),
            (
                format!("{path}/foo"),
                json!({}),
                404,
                format!("INVOKE: machines/{machine}: Action foo on machines: Not Found"),
            ),
            (
                format!("{path}/echo"),
                json!({}),
                400,
                format!("INVOKE: machines/{machine}: Action echo Missing Parameter sim/required"),
            ),
            (format!("{path}/fail"), json!({}), 409, "rpc: plugin/sim: told to fail".to_owned()),
            (
                "machines/Name:m1/actions/fail?plugin=other".to_owned(),
                json!({}),
                404,
                format!("INVOKE: machines/{machine}: Action fail on machines: Not Found"),
            ),
        ] {
            let (answered, error) = client.send(Method::POST, &path, &body).await;
            let error: drp_virtual_media_sim::dr_provision::Error = serde_json::from_value(error).unwrap();
            assert_eq!((answered, error.to_string()), (status, text), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_plugin_asks_the_api_until_its_token_expires() {
    in_time(async {
        let client = Client::with_plugin().await;
        let (status, info) = client.send(Method::POST, "system/actions/info", &json!({})).await;
        assert_eq!((status, &info["version"]), (200, &json!("v4.8.0")));
        client.server.expire_token();
        assert_eq!(client.send(Method::POST, "system/actions/info", &json!({})).await.0, 502);
        let asked = client
            .server
            .requests()
            .into_iter()
            .filter(|request| request.path == "info")
            .map(|request| (request.principal, request.status));
        assert_eq!(asked.collect::<Vec<_>>(), [("plugin:sim".to_owned(), Some(200)), (String::new(), Some(401))]);
    })
    .await;
}

#[tokio::test]
async fn a_plugins_process_follows_its_object() {
    in_time(async {
        let client = Client::with_plugin().await;
        let config = async || client.send(Method::POST, "plugins/sim/actions/config", &json!({})).await;
        assert_eq!(client.send(Method::POST, "plugins/sim/params/a", &json!(1)).await.0, 200);
        assert_eq!(config().await, (200, json!({ "a": 1, "Name": "sim" })));
        assert_eq!(client.send(Method::POST, "plugins/sim/params/refuse", &json!(true)).await.0, 200);
        assert_eq!(client.get("plugins/sim").await.1["PluginErrors"], json!(["rpc: plugin/sim: told to refuse"]));
        assert_eq!(client.send(Method::DELETE, "plugins/sim", &json!(null)).await.0, 200);
        assert!(client.server.plugin_ended());
        let again = json!({ "Name": "sim", "Provider": "sim" });
        assert_eq!(client.send(Method::POST, "plugins", &again).await.0, 201);
        assert_eq!(config().await, (200, json!({ "Name": "sim" })));
    })
    .await;
}

#[tokio::test]
async fn a_killed_plugin_stays_away_until_it_is_started_again() {
    in_time(async {
        let client = Client::with_plugin().await;
        let first = client.server.plugin_pid().unwrap();
        client.server.kill_plugin().await;
        assert!(client.server.plugin_ended());
        assert_eq!(client.send(Method::POST, "plugins/sim/actions/config", &json!({})).await.0, 500);
        client.server.restart_plugin().await.unwrap();
        assert_eq!(client.send(Method::POST, "plugins/sim/actions/config", &json!({})).await.0, 200);
        let second = client.server.plugin_pid().unwrap();
        client.server.restart_plugin().await.unwrap();
        assert!(first != second && client.server.plugin_pid() != Some(second));
    })
    .await;
}

#[tokio::test]
async fn a_provider_is_uploaded_replaced_and_destroyed() {
    in_time(async {
        let client = Client::start().await;
        let bytes = std::fs::read(PLUGIN).unwrap();
        for _ in 0..2 {
            let upload = client.request(Method::POST, "plugin_providers/up").body(bytes.clone());
            let (status, answer) = crate::client::answer(upload).await;
            assert_eq!((status, answer), (201, json!({ "path": "up", "size": bytes.len() })));
            assert_eq!(client.send(Method::POST, "plugins/up/actions/config", &json!({})).await.0, 200);
        }
        assert_eq!(client.send(Method::DELETE, "plugin_providers/up", &json!(null)).await.0, 200);
        for gone in ["plugin_providers/up", "plugins/up"] {
            assert_eq!(client.get(gone).await.0, 404, "{gone}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_that_is_no_provider_is_an_error() {
    in_time(async {
        let client = Client::start().await;
        let upload = client.request(Method::POST, "plugin_providers/wrong").body("#!/bin/sh\necho hello\n");
        let (status, error) = crate::client::answer(upload).await;
        assert_eq!(status, 400);
        assert!(error["Messages"][0].as_str().unwrap().starts_with("define failed: `hello"), "{error}");
        assert_eq!(client.get("plugin_providers/wrong").await.0, 404);
    })
    .await;
}
