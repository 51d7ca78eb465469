//! Content bundles and what a provider brings.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, PLUGIN, in_time};

#[tokio::test]
async fn a_bundle_is_uploaded_replaced_and_removed() {
    in_time(async {
        let client = Client::start().await;
        let pack = |default: u32| json!({
            "meta": { "Name": "mine", "Version": "v1.0.0" },
            "sections": { "params": { "mine/number": { "Name": "mine/number", "Schema": { "type": "integer", "default": default } } } }
        });
        for (method, path, body, status) in [
            (Method::POST, "contents", pack(1), 201),
            (Method::POST, "contents", pack(1), 409),
            (Method::PUT, "contents/mine", pack(2), 200),
            (Method::PUT, "contents/other", pack(2), 400),
        ] {
            assert_eq!(client.send(method.clone(), path, &body).await.0, status, "{method} {path}");
        }
        let (_, param) = client.get("params/mine/number").await;
        assert_eq!((&param["Schema"]["default"], &param["Bundle"], &param["ReadOnly"]), (&json!(2), &json!("mine"), &json!(true)));
        assert_eq!(client.get("contents/mine").await.1, pack(2));
        let names: Vec<_> = client.get("contents").await.1.as_array().unwrap().iter().map(|content| content["meta"]["Name"].clone()).collect();
        assert_eq!(names, ["BasicStore", "drp-community-content", "ipmi", "mine"]);
        assert_eq!(client.send(Method::DELETE, "contents/mine", &Value::Null).await.0, 204);
        assert_eq!((client.get("contents/mine").await.0, client.get("params/mine/number").await.0), (404, 404));
    })
    .await;
}

#[tokio::test]
async fn a_providers_content_comes_and_goes_with_it() {
    in_time(async {
        let client = Client::with_plugin().await;
        let (_, contents) = client.get("contents/sim").await;
        assert_eq!(
            (&contents["meta"]["Type"], &contents["meta"]["Source"]),
            (&json!("plugin"), &json!("FromPluginProvider"))
        );
        assert_eq!(client.get("params/sim/secret").await.1["Bundle"], "sim");
        assert_eq!(client.get("workflows/sim-boot").await.1["Available"], true);
        assert_eq!(client.send(Method::DELETE, "plugin_providers/sim", &Value::Null).await.0, 200);
        for gone in ["contents/sim", "params/sim/secret", "workflows/sim-boot", "plugin_providers/sim", "plugins/sim"] {
            assert_eq!(client.get(gone).await.0, 404, "{gone}");
        }
    })
    .await;
}

#[tokio::test]
async fn two_providers_with_the_same_objects_do_not_go_together() {
    in_time(async {
        let client = Client::with_plugin().await;
        let upload = client.request(Method::POST, "plugin_providers/again").body(std::fs::read(PLUGIN).unwrap());
        let (status, error) = crate::client::answer(upload).await;
        assert_eq!(status, 422);
        assert!(error.to_string().contains("params/sim/count is in bundle"), "{error}");
        assert_eq!(client.get("plugin_providers/again").await.0, 404);
    })
    .await;
}
