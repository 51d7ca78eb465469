//! The objects that are read one at a time: the server itself, machines, BootEnv objects, parameters.

use serde_json::{Map, Value};

use super::{Server, ServerError, ServerErrorKind, address};
use crate::drp::bootenv::BootEnv;
use crate::drp::info::Info;

/// Over all sources of the object by precedence.
const AGGREGATE: (&str, &str) = ("aggregate", "true");
/// Secure values in plain.
const DECODE: (&str, &str) = ("decode", "true");
/// Maps and lists of all sources merged instead of the first source's taken.
const COMPOSE: (&str, &str) = ("compose", "true");

/// The parameter that overlays a BootEnv.
const BOOTENV_CUSTOMIZE: &str = "bootenv-customize";

impl Server {
    /// What the server says of itself.
    ///
    /// # Errors
    /// The request fails.
    pub async fn info(&self) -> Result<Info, ServerError> {
        let doing = "reading what the server can do";
        let object = self.get(doing, &["info"], &[], self.0.limits.object).await?;
        Info::from_json(object).map_err(|_| self.misshapen(doing, "the server's own description"))
    }

    /// A machine with the parameters set directly on it, secure ones sealed; `None` where there is none.
    ///
    /// # Errors
    /// The request fails.
    pub async fn machine(&self, uuid: &str) -> Result<Option<Value>, ServerError> {
        self.find(&format!("reading machine {uuid}"), &["machines", uuid], &[]).await
    }

    /// All parameters that hold for a machine, from whatever source, secure ones in plain; `None` where there is no such
    /// machine. Whether a parameter that only has its schema's default is among them depends on the server's version, so
    /// one that is missing may have one ([`Server::param`] gives it).
    ///
    /// # Errors
    /// The request fails.
    pub async fn resolved_params(&self, uuid: &str) -> Result<Option<Map<String, Value>>, ServerError> {
        let doing = format!("reading the parameters of machine {uuid}");
        let Some(params) = self.find(&doing, &["machines", uuid, "params"], &[AGGREGATE, DECODE]).await? else {
            return Ok(None);
        };
        self.params(&doing, params).map(Some)
    }

    /// One parameter as it holds for a machine, a secure one in plain, its schema's default included; null where it has none.
    ///
    /// # Errors
    /// There is no such machine, or the request fails.
    pub async fn param(&self, uuid: &str, key: &str) -> Result<Value, ServerError> {
        self.single_param(uuid, key, &[AGGREGATE, DECODE]).await
    }

    /// One parameter of a machine, merged from all sources where it is a map or a list.
    ///
    /// # Errors
    /// There is no such machine, or the request fails.
    pub async fn composed_param(&self, uuid: &str, key: &str) -> Result<Value, ServerError> {
        self.single_param(uuid, key, &[AGGREGATE, DECODE, COMPOSE]).await
    }

    /// A BootEnv; `None` where there is none of this name.
    ///
    /// # Errors
    /// The request fails.
    pub async fn bootenv(&self, name: &str) -> Result<Option<BootEnv>, ServerError> {
        let doing = format!("reading BootEnv {name}");
        let Some(object) = self.find(&doing, &["bootenvs", name], &[]).await? else { return Ok(None) };
        BootEnv::from_json(object).map(Some).map_err(|error| {
            let answer = format!("answered with a BootEnv that cannot be read: {error}");
            self.error(ServerErrorKind::Answer, &doing, answer)
        })
    }

    /// A BootEnv as one machine has it, with what the machine's `bootenv-customize` changes.
    ///
    /// # Errors
    /// There is no such machine, its `bootenv-customize` is none, or a request fails.
    pub async fn bootenv_of(&self, uuid: &str, name: &str) -> Result<Option<BootEnv>, ServerError> {
        let Some(shared) = self.bootenv(name).await? else { return Ok(None) };
        let composed = self.composed_param(uuid, BOOTENV_CUSTOMIZE).await?;
        shared.customized(composed).map(Some).map_err(|error| {
            let doing = format!("reading BootEnv {name} as machine {uuid} has it");
            self.error(ServerErrorKind::Answer, &doing, format!("has a parameter that cannot be used: {error}"))
                .advise("mend bootenv-customize on the machine or its profiles")
        })
    }

    /// The parameters that hold for a plugin object, secure ones in plain.
    ///
    /// # Errors
    /// There is no such plugin, or the request fails.
    pub async fn plugin_params(&self, plugin: &str) -> Result<Map<String, Value>, ServerError> {
        let doing = format!("reading the parameters of plugin {plugin}");
        let names = ["plugins", plugin, "params"];
        let params = self.get(&doing, &names, &[AGGREGATE, DECODE], self.0.limits.object).await?;
        self.params(&doing, params)
    }

    async fn single_param(&self, uuid: &str, key: &str, query: &[(&str, &str)]) -> Result<Value, ServerError> {
        let doing = format!("reading the parameter {key} of machine {uuid}");
        let mut names = vec!["machines", uuid, "params"];
        names.extend(address::key_parts(key));
        self.get(&doing, &names, query, self.0.limits.object).await
    }

    fn params(&self, doing: &str, answer: Value) -> Result<Map<String, Value>, ServerError> {
        match answer {
            Value::Object(params) => Ok(params),
            // Go writes a map that nobody filled as null.
            Value::Null => Ok(Map::new()),
            _ => Err(self.misshapen(doing, "an object of parameters")),
        }
    }
}
