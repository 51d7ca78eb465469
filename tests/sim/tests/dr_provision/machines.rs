//! Machines over REST: create, patch, list, poll, delete.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, in_time};

#[tokio::test]
async fn a_machine_is_created_changed_and_deleted() {
    in_time(async {
        let client = Client::start().await;
        let (status, machine) = client.send(Method::POST, "machines", &json!({ "Name": "m1.example.net" })).await;
        let uuid = machine["Uuid"].as_str().unwrap().to_owned();
        assert_eq!((status, &machine["Arch"], &machine["BootEnv"]), (201, &json!("amd64"), &json!("local")));
        let path = format!("machines/{uuid}");
        let guarded = |from: &str, to: &str| {
            json!([
                { "op": "test", "path": "/BootEnv", "value": from },
                { "op": "replace", "path": "/BootEnv", "value": to },
            ])
        };
        for (method, path, body, status, expected) in [
            (Method::PATCH, path.as_str(), guarded("local", "sledgehammer"), 200, ("BootEnv", "sledgehammer")),
            (
                Method::PATCH,
                "machines/Name:m1.example.net",
                guarded("sledgehammer", "local"),
                200,
                ("BootEnv", "local"),
            ),
            (Method::PATCH, path.as_str(), guarded("sledgehammer", "local"), 409, ("Type", "PATCH")),
            (Method::PATCH, path.as_str(), guarded("local", "nowhere"), 422, ("Type", "ValidationError")),
            (Method::PATCH, "machines/fred", guarded("local", "local"), 404, ("Type", "PATCH")),
            (Method::POST, "machines", machine.clone(), 409, ("Type", "CREATE")),
            (Method::DELETE, path.as_str(), Value::Null, 200, ("Name", "m1.example.net")),
            (Method::DELETE, path.as_str(), Value::Null, 404, ("Type", "DELETE")),
        ] {
            let (answered, answer) = client.send(method.clone(), path, &body).await;
            assert_eq!((answered, answer[expected.0].as_str()), (status, Some(expected.1)), "{method} {path} {body}");
        }
        let actions: Vec<_> = client
            .server
            .events()
            .into_iter()
            .filter(|event| event["Key"] == uuid)
            .map(|event| event["Action"].clone())
            .collect();
        assert_eq!(actions, ["create", "update", "update", "delete"]);
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_slimmed_and_counted() {
    in_time(async {
        let client = Client::start().await;
        for number in 1..=3 {
            let machine = json!({ "Name": format!("m{number}"), "Params": { "rack": number } });
            client.server.add_machine(&machine).unwrap();
        }
        let names = |list: &Value| {
            list.as_array()
                .unwrap()
                .iter()
                .map(|machine| machine["Name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let (_, list) = client.get("machines?rack=Gte(2)&sort=Name&reverse=true").await;
        assert_eq!(names(&list), ["m3", "m2"]);
        let (_, list) = client.get("machines?Name=m1&slim=Params,Meta").await;
        assert_eq!((&list[0]["Params"], &list[0]["Partial"]), (&json!({}), &json!(true)));
        assert_eq!(client.get("machines?limit=many").await.0, 406);
        let head = client.request(Method::HEAD, "machines?rack=Lt(3)").send().await.unwrap();
        assert_eq!(head.headers()["X-Drp-List-Filter-Count"], "2");
    })
    .await;
}

#[tokio::test]
async fn a_long_poll_answers_when_the_machine_changes_and_not_before() {
    in_time(async {
        let client = Client::start().await;
        let uuid = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let path = format!("machines/{uuid}");
        let etag = client.request(Method::GET, &path).send().await.unwrap().headers()["ETag"].clone();
        let poll = |wait: &str| {
            client
                .request(Method::GET, &path)
                .header("If-None-Match", &etag)
                .header("Prefer", format!("wait={wait}"))
                .send()
        };
        assert_eq!(poll("1ms").await.unwrap().status(), 304);
        let (answer, ()) = tokio::join!(poll("10m"), async {
            client
                .server
                .until(|server| server.requests().iter().filter(|request| request.path == path).count() == 3)
                .await;
            client.server.set_bootenv(&uuid, "sledgehammer").unwrap();
        });
        assert_eq!(answer.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_machines_token_is_good_for_that_machine_alone() {
    in_time(async {
        let client = Client::start().await;
        let own = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let other = client.server.add_machine(&json!({ "Name": "m2" })).unwrap();
        let (_, answer) = client.get(&format!("machines/{own}/token?ttl=3y")).await;
        let token = answer["Token"].as_str().unwrap();
        for (path, status) in [
            (format!("machines/{own}"), 200),
            (format!("machines/{other}"), 403),
            ("info".to_owned(), 200),
            ("machines".to_owned(), 403),
        ] {
            let url = format!("{}/api/v3/{path}", client.server.url());
            assert_eq!(client.http.get(url).bearer_auth(token).send().await.unwrap().status(), status, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn clients_come_with_a_password_or_a_token() {
    in_time(async {
        let client = Client::start().await;
        let url = format!("{}/api/v3/users/rocketskates/token?ttl=7200", client.server.url());
        let answer = client.http.get(&url).basic_auth("rocketskates", Some("r0cketsk8ts")).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let token = answer["Token"].as_str().unwrap().to_owned();
        assert_eq!(client.http.get(&url).bearer_auth(token).send().await.unwrap().status(), 200);
        assert_eq!(client.http.get(&url).basic_auth("rocketskates", Some("wrong")).send().await.unwrap().status(), 401);
        assert_eq!(client.http.get(&url).send().await.unwrap().status(), 401);
    })
    .await;
}

#[tokio::test]
async fn requests_are_held_and_refused_as_told() {
    in_time(async {
        let client = Client::start().await;
        client.server.refuse("GET info", 1, 503);
        assert_eq!((client.get("info").await.0, client.get("info").await.0), (503, 200));
        client.server.hold("GET info");
        let (answer, ()) = tokio::join!(client.get("info"), async {
            client
                .server
                .until(|server| server.requests().last().is_some_and(|request| request.status.is_none()))
                .await;
            client.server.clear_faults();
        });
        assert_eq!(answer.0, 200);
    })
    .await;
}

#[tokio::test]
async fn the_server_tells_of_itself() {
    in_time(async {
        let client = Client::start_with(|options| options.version("v4.12.0").features(["sprig"])).await;
        client.server.set_features(["sprig", "virtual-media-boot"]);
        let (_, info) = client.get("info").await;
        assert_eq!((&info["version"], &info["features"]), (&json!("v4.12.0"), &json!(["sprig", "virtual-media-boot"])));
        assert_eq!(json!(client.server.fileserver().port()), info["file_port"]);
        assert_eq!(client.get("prefs").await.1["unknownBootEnv"], "discovery");
        assert_eq!(client.send(Method::POST, "prefs", &json!({ "defaultStage": "local" })).await.0, 201);
        assert_eq!(client.get("prefs").await.1["defaultStage"], "local");
        assert_eq!(client.get("indexes/machines").await.1["Name"]["Unique"], true);
        assert!(client.get("objects").await.1.as_array().unwrap().contains(&json!("machines")));
        assert_eq!(client.get("nothing/here").await.0, 404);
    })
    .await;
}
