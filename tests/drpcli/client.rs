//! What drpcli sends: for the words of a line the same HTTP requests, by the recordings and the public code of its library
//! (facts on actions, uploads and REST).

use drp_virtual_media_sim::dr_provision::{DrProvision, Error, seal_for};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// How a line failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Its words are not in the table below.
    Unknown,
    /// What drpcli prints after `Error: `.
    Refused(Error),
}

/// drpcli with a token, as with `RS_TOKEN`.
pub(crate) struct Drpcli {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Drpcli {
    pub(crate) fn new(server: &DrProvision) -> Drpcli {
        let http = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        Drpcli { http, base: format!("{}/api/v3", server.url()), token: server.token().to_owned() }
    }

    /// Sends what a line means, and returns the answer; null where there is none.
    pub(crate) async fn run(&self, words: &[String]) -> Result<Value, Failure> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["info", "get"] => self.get("info").await,
            ["prefs", "list"] => self.get("prefs").await,
            ["bootenvs", "uploadiso", name] => self.upload_iso(name).await,
            ["contents", "upload", file] => self.upload_content(file).await,
            ["plugin_providers", "upload", name, "from", file] => {
                self.upload(&format!("plugin_providers/{name}"), file).await
            }
            [tree @ ("isos" | "files"), "upload", file, "as", name] => {
                self.upload(&format!("{tree}/{name}"), file).await
            }
            ["jobs", "log", id] => self.get(&format!("jobs/{id}/log")).await,
            ["system", "runaction", command, params @ ..] => self.run_action("system", command, params).await,
            [prefix, "runaction", id, command, params @ ..] => {
                self.run_action(&format!("{prefix}/{id}"), command, params).await
            }
            [prefix, "actions", id] => self.get(&format!("{prefix}/{id}/actions")).await,
            [prefix, "action", id, command] => self.get(&format!("{prefix}/{id}/actions/{command}")).await,
            [prefix, "set", id, "param", key, "to", value] => {
                self.set_param(&format!("{prefix}/{id}"), key, value).await
            }
            [prefix, "get", id, "param", key, flags @ ..] => {
                self.get(&format!("{prefix}/{id}/params/{key}{}", query(flags)?)).await
            }
            [prefix, "remove", id, "param", key] => {
                self.send(Method::DELETE, &format!("{prefix}/{id}/params/{key}"), None).await
            }
            [prefix, "params", id, flags @ ..] => self.get(&format!("{prefix}/{id}/params{}", query(flags)?)).await,
            ["machines", field @ ("bootenv" | "stage" | "workflow"), id, value] => {
                let field = match *field {
                    "bootenv" => "BootEnv",
                    "stage" => "Stage",
                    _ => "Workflow",
                };
                self.update(&format!("machines/{id}"), &json!({ field: value })).await
            }
            [prefix, "update", id, changes] => self.update(&format!("{prefix}/{id}"), &yaml(changes)).await,
            [prefix, "create", object] => self.send(Method::POST, prefix, Some(&yaml(object))).await,
            [prefix, "show", id, flags @ ..] => self.get(&format!("{prefix}/{id}{}", query(flags)?)).await,
            [prefix, "exists", id] => self.send(Method::HEAD, &format!("{prefix}/{id}"), None).await,
            [prefix, "destroy", id] => self.send(Method::DELETE, &format!("{prefix}/{id}"), None).await,
            [prefix, "list", filters @ ..] if filters.iter().all(|filter| filter.contains('=')) => {
                let query = if filters.is_empty() { String::new() } else { format!("?{}", filters.join("&")) };
                self.get(&format!("{prefix}{query}")).await
            }
            _ => Err(Failure::Unknown),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer(request).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}/{path}", self.base)).bearer_auth(&self.token);
        request.header("accept", "application/json").header("cache-control", "no-store")
    }

    /// A value of a secure Param is sealed with the object's key; that it is one, the Param itself tells.
    async fn set_param(&self, object: &str, key: &str, value: &str) -> Result<Value, Failure> {
        let mut value = yaml(value);
        if self.get(&format!("params/{key}")).await.is_ok_and(|param| param["Secure"] == true) {
            let public = self.get(&format!("{object}/pubkey")).await?;
            value = seal_for(public.as_str().unwrap(), &value).unwrap();
        }
        self.send(Method::POST, &format!("{object}/params/{key}"), Some(&value)).await
    }

    /// A patch with a test before each change.
    async fn update(&self, path: &str, changes: &Value) -> Result<Value, Failure> {
        let object = self.get(path).await?;
        let changes = changes.as_object().unwrap().iter();
        let operations = changes.flat_map(|(field, value)| {
            let at = format!("/{field}");
            [
                json!({ "op": "test", "path": at, "value": object[field] }),
                json!({ "op": "replace", "path": at, "value": value }),
            ]
        });
        self.send(Method::PATCH, path, Some(&operations.collect())).await
    }

    /// Either one map, or pairs whose values are YAML; `--plugin` says who is asked.
    async fn run_action(&self, object: &str, command: &str, words: &[&str]) -> Result<Value, Failure> {
        let (mut params, mut plugin) = (Vec::new(), String::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *word == "--plugin" {
                plugin = format!("?plugin={}", words.next().ok_or(Failure::Unknown)?);
            } else {
                params.push(*word);
            }
        }
        let body = match params.as_slice() {
            [map] => yaml(map),
            pairs if pairs.len() % 2 == 0 => {
                pairs.chunks(2).map(|pair| (pair[0].to_owned(), yaml(pair[1]))).collect::<Map<_, _>>().into()
            }
            _ => return Err(Failure::Unknown),
        };
        self.send(Method::POST, &format!("{object}/actions/{command}{plugin}"), Some(&body)).await
    }

    async fn upload(&self, path: &str, file: &str) -> Result<Value, Failure> {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let request = self.request(Method::POST, path).header("content-type", "application/octet-stream");
        answer(request.body(bytes)).await
    }

    async fn upload_content(&self, file: &str) -> Result<Value, Failure> {
        let content = yaml(&std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}")));
        let name = content["meta"]["Name"].as_str().unwrap().to_owned();
        let known = self.get("contents").await?;
        let known = known.as_array().into_iter().flatten().any(|summary| summary["meta"]["Name"] == *name);
        let (method, path) =
            if known { (Method::PUT, format!("contents/{name}")) } else { (Method::POST, "contents".to_owned()) };
        self.send(method, &path, Some(&content)).await
    }

    /// What a BootEnv misses is downloaded and uploaded.
    async fn upload_iso(&self, bootenv: &str) -> Result<Value, Failure> {
        let bootenv = self.get(&format!("bootenvs/{bootenv}")).await?;
        let there = self.get("isos").await?;
        for arch in bootenv["OS"]["SupportedArchitectures"].as_object().into_iter().flatten().map(|(_, arch)| arch) {
            let (file, url) = (&arch["IsoFile"], arch["IsoUrl"].as_str().unwrap_or_default());
            if url.is_empty() || there.as_array().is_some_and(|there| there.contains(file)) {
                continue;
            }
            let iso = self.http.get(url).send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
            let path = format!("isos/{}", file.as_str().unwrap());
            let upload = self.request(Method::POST, &path).header("content-type", "application/octet-stream").body(iso);
            answer(upload).await?;
        }
        Ok(Value::Null)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Value, Failure> {
    let answer = request.send().await.unwrap();
    let failed = answer.status().is_client_error() || answer.status().is_server_error();
    let text = answer.text().await.unwrap();
    if failed {
        return Err(Failure::Refused(serde_json::from_str(&text).unwrap_or_default()));
    }
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

/// Values of the command line are YAML.
fn yaml(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { serde_saphyr::from_str(text).unwrap_or_else(|_| json!(text)) }
}

/// Flags that become a query.
fn query(flags: &[&str]) -> Result<String, Failure> {
    let words: Option<Vec<String>> =
        flags.iter().map(|flag| Some(format!("{}=true", flag.strip_prefix("--")?))).collect();
    let words = words.ok_or(Failure::Unknown)?;
    Ok(if words.is_empty() { String::new() } else { format!("?{}", words.join("&")) })
}
