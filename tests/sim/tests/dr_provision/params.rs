//! Params over REST: set, resolved, composed, sealed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::{Aead, AeadCore, OsRng};
use crypto_box::{PublicKey, SalsaBox, SecretKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, in_time};

#[tokio::test]
async fn params_are_set_one_by_one_and_all_at_once() {
    in_time(async {
        let client = Client::start().await;
        let uuid = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let all = format!("machines/{uuid}/params");
        for (method, path, body, status, expected) in [
            (Method::POST, "/ipmi/mode", json!("redfish"), 200, json!("redfish")),
            (Method::GET, "/ipmi/mode", Value::Null, 200, json!("redfish")),
            (Method::POST, "/ipmi/mode", json!("carrier-pigeon"), 422, Value::Null),
            (Method::GET, "/not/set", Value::Null, 200, Value::Null),
            (
                Method::GET,
                "/kernel-console?aggregate=true",
                Value::Null,
                200,
                json!("console=ttyS0,115200 console=tty0"),
            ),
            (Method::PATCH, "", json!([{ "op": "test", "path": "", "value": {} }]), 409, Value::Null),
            (
                Method::PATCH,
                "",
                json!([
                    { "op": "test", "path": "", "value": { "ipmi/mode": "redfish" } },
                    { "op": "add", "path": "/boot-virtual-iso", "value": true },
                ]),
                200,
                json!({ "ipmi/mode": "redfish", "boot-virtual-iso": true }),
            ),
            (Method::GET, "?params=boot-virtual-iso", Value::Null, 200, json!({ "boot-virtual-iso": true })),
            (Method::DELETE, "/ipmi/mode", Value::Null, 200, json!("redfish")),
            (Method::DELETE, "/ipmi/mode", Value::Null, 404, Value::Null),
            (Method::POST, "", json!({ "only": 1 }), 200, json!({ "only": 1 })),
            (Method::GET, "", Value::Null, 200, json!({ "only": 1 })),
        ] {
            let (answered, answer) = client.send(method.clone(), &format!("{all}{path}"), &body).await;
            assert_eq!(answered, status, "{method} {path} {body}: {answer}");
            if status == 200 {
                assert_eq!(answer, expected, "{method} {path} {body}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn params_come_from_profiles_and_are_composed() {
    in_time(async {
        let client = Client::start().await;
        let profile = json!({ "Name": "lab", "Params": { "bootenv-customize": { "sledgehammer": { "Loaders": { "a": "1" } } } } });
        client.server.add("profiles", &profile).unwrap();
        let machine = json!({ "Name": "m1", "Profiles": ["lab"], "Params": { "bootenv-customize": { "sledgehammer": { "OS": { "Name": "x" } } } } });
        let uuid = client.server.add_machine(&machine).unwrap();
        let path = format!("machines/{uuid}/params/bootenv-customize?aggregate=true&decode=true");
        assert_eq!(client.get(&path).await.1, json!({ "sledgehammer": { "OS": { "Name": "x" } } }));
        let composed = json!({ "sledgehammer": { "Loaders": { "a": "1" }, "OS": { "Name": "x" } } });
        assert_eq!(client.get(&format!("{path}&compose=true")).await.1, composed);
    })
    .await;
}

/// What drpcli does with a value of a secure Param, written against the description alone.
fn sealed(public: &Value, value: &Value) -> Value {
    let public = PublicKey::from_slice(&STANDARD.decode(public.as_str().unwrap()).unwrap()).unwrap();
    let (own, nonce) = (SecretKey::generate(&mut OsRng), SalsaBox::generate_nonce(&mut OsRng));
    let payload = SalsaBox::new(&public, &own).encrypt(&nonce, value.to_string().as_bytes()).unwrap();
    json!({ "Key": STANDARD.encode(own.public_key().as_bytes()), "Nonce": STANDARD.encode(nonce), "Payload": STANDARD.encode(payload) })
}

#[tokio::test]
async fn a_secure_param_is_shown_sealed_and_opened_for_those_who_may() {
    in_time(async {
        let client = Client::with_plugin().await;
        let uuid = client
            .server
            .add_machine(&json!({ "Name": "m1", "Params": { "sim/required": 1, "sim/secret": "plain" } }))
            .unwrap();
        let path = format!("machines/{uuid}/params/sim/secret");
        assert!(client.get(&path).await.1["Payload"].is_string());
        assert_eq!(client.get(&format!("{path}?decode=true")).await.1, "plain");

        let (_, public) = client.get(&format!("machines/{uuid}/pubkey")).await;
        assert_eq!(client.send(Method::POST, &path, &sealed(&public, &json!("calvin"))).await.0, 200);
        assert_eq!(client.get(&format!("{path}?decode=true")).await.1, "calvin");
        assert!(client.server.events().iter().all(|event| !event.to_string().contains("calvin")));

        let echo = format!("machines/{uuid}/actions/echo");
        let (_, answer) = client.send(Method::POST, &echo, &json!({ "sim/undeclared": 1 })).await;
        assert_eq!(answer, json!({ "sim/required": 1, "sim/count": 3, "sim/secret": "calvin" }));
        let (status, error) = client.send(Method::POST, &echo, &json!({ "sim/count": "many" })).await;
        let message =
            "Action echo: Invalid Parameter: sim/count: : (root): Invalid type. Expected: integer, given: string";
        assert_eq!((status, &error["Messages"][0]), (400, &json!(message)));
    })
    .await;
}
