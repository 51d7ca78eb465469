//! The event stream: what is registered is told, in order, and nothing is told again.

use std::error::Error;
use std::pin::Pin;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, in_time};

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Boxed: a handshake's future is large.
fn connect(client: &Client, query: &str) -> Pin<Box<impl Future<Output = Result<Socket, Box<dyn Error>>>>> {
    Box::pin(handshake(client, query.to_owned()))
}

async fn handshake(client: &Client, query: String) -> Result<Socket, Box<dyn Error>> {
    let address = client.server.url().replace("https://", "");
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls::pki_types::pem::PemObject::pem_slice_iter(client.server.certificate().as_bytes()) {
        roots.add(certificate?)?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let connector =
        tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls.with_root_certificates(roots).with_no_client_auth()));
    let stream = connector.connect("127.0.0.1".try_into()?, TcpStream::connect(&address).await?).await?;
    let url = format!("wss://{address}/api/v3/ws{query}");
    Ok(tokio_tungstenite::client_async(url, stream).await?.0)
}

async fn socket(client: &Client) -> Socket {
    connect(client, &format!("?token={}", client.server.token())).await.unwrap()
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

/// The next event; pings are answered by the library on the way.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

#[tokio::test]
async fn what_is_registered_is_told_in_the_order_of_the_changes() {
    in_time(async {
        let client = Client::start().await;
        let machine = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let mut socket = socket(&client).await;
        for selector in ["machines.update.*", "machines.save.*"] {
            say(&mut socket, &format!("register {selector}")).await;
            let ack = next(&mut socket).await.unwrap();
            assert_eq!((&ack["Type"], &ack["Key"]), (&json!("websocket"), &json!(selector)));
        }
        client.server.set_bootenv(&machine, "discovery").unwrap();
        client.server.set_param(&machine, "a", json!(1)).unwrap();
        let first = next(&mut socket).await.unwrap();
        assert_eq!(
            (&first["Action"], &first["Key"], &first["Original"]["BootEnv"], &first["Object"]["BootEnv"]),
            (&json!("update"), &json!(machine), &json!("local"), &json!("discovery"))
        );
        let second = next(&mut socket).await.unwrap();
        assert_eq!((&second["Action"], &second["Object"]["Params"]["a"]), (&json!("save"), &json!(1)));

        say(&mut socket, "deregister machines.update.*").await;
        assert_eq!(next(&mut socket).await.unwrap()["Action"], "deregister");
        client.server.set_bootenv(&machine, "local").unwrap();
        client.server.remove_param(&machine, "a").unwrap();
        assert_eq!(next(&mut socket).await.unwrap()["Action"], "save");
    })
    .await;
}

#[tokio::test]
async fn a_killed_websocket_ends_and_what_happened_meanwhile_is_lost() {
    in_time(async {
        let client = Client::start().await;
        let machine = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let mut first = socket(&client).await;
        say(&mut first, "register machines.*.*").await;
        next(&mut first).await.unwrap();
        client.server.kill_websockets();
        assert_eq!(next(&mut first).await, None);
        client.server.until(|server| server.registered().is_empty()).await;
        client.server.set_bootenv(&machine, "discovery").unwrap();

        let mut again = socket(&client).await;
        say(&mut again, "register machines.*.*").await;
        next(&mut again).await.unwrap();
        client.server.drop_events(true);
        client.server.set_param(&machine, "lost", json!(true)).unwrap();
        client.server.drop_events(false);
        client.server.set_param(&machine, "told", json!(true)).unwrap();
        assert_eq!(next(&mut again).await.unwrap()["Object"]["Params"], json!({ "lost": true, "told": true }));
    })
    .await;
}

#[tokio::test]
async fn an_offline_server_refuses_and_comes_back_with_what_it_had() {
    in_time(async {
        let client = Client::start().await;
        let machine = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let mut open = socket(&client).await;
        client.server.go_offline().await;
        assert_eq!(next(&mut open).await, None);
        assert!(client.request(reqwest::Method::GET, "info").send().await.is_err());
        client.server.come_back().await;
        assert_eq!(client.get(&format!("machines/{machine}")).await.1["Name"], "m1");
    })
    .await;
}

#[tokio::test]
async fn nobody_listens_without_a_token() {
    in_time(async {
        let client = Client::start().await;
        assert!(connect(&client, "").await.is_err());
        assert!(connect(&client, "?token=wrong").await.is_err());
        assert!(connect(&client, "?token=rocketskates:r0cketsk8ts").await.is_ok());
    })
    .await;
}
