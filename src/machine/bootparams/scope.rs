//! What a template can ask: the machine, its parameters, the server's URLs.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::error::Problem;
use super::syntax::Delimiters;
use crate::machine::Params;
use crate::machine::params::{KERNEL_CONSOLE, KERNEL_OPTIONS, NETWORK_DATA, is_sealed, type_name};
use crate::machine::sledgehammer::DEFAULT_CONSOLE;

/// What a BootEnv's BootParams are rendered from.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The machine object as the server shows it.
    pub machine: &'a Value,
    /// The BootEnv's name.
    pub bootenv: &'a str,
    /// What begins and ends an action in the BootEnv's templates.
    pub delimiters: Delimiters<'a>,
    /// The machine's resolved parameters, those with a default in their schema included.
    pub params: &'a Params,
    /// The composed values of those that [`NamedParams::composed`](super::NamedParams::composed) names; what is not
    /// here is taken from `params`.
    pub compose: &'a Params,
    /// The static file server as the machine reaches it, such as `http://10.0.0.5:8091`.
    pub provisioner_url: &'a str,
    /// The API as the machine reaches it, such as `https://10.0.0.5:8092`.
    pub api_url: &'a str,
}

/// A value of a template: one of the server's objects, which have fields and methods, or JSON.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// What `.` and `$` are at first.
    Root,
    /// `.Machine`
    Machine,
    /// `.Env`
    Env,
    /// Anything else. Null is also what Go calls an invalid value: a key that a map does not have.
    Json(Value),
}

/// The methods of the root that read a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// `.Param`
    Resolved,
    /// `.ParamExists`
    Exists,
    /// `.ParamExpand`
    Expanded,
    /// `.ComposeParam`, which newer servers call `.ParamCompose`
    Composed,
}

impl Reading {
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "Param" => Some(Self::Resolved),
            "ParamExists" => Some(Self::Exists),
            "ParamExpand" => Some(Self::Expanded),
            "ComposeParam" | "ParamCompose" => Some(Self::Composed),
            _ => None,
        }
    }
}

impl Operand {
    /// How messages call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Root => "the template's root object",
            Self::Machine => "the machine",
            Self::Env => "the BootEnv",
            Self::Json(value) => type_name(value),
        }
    }
}

impl Scope<'_> {
    /// The value of a field or of a method without arguments.
    pub(super) fn field(&self, of: &Operand, name: &str) -> Result<Operand, Problem> {
        let text = |text: &str| Ok(Operand::Json(text.into()));
        let unknown = || Problem::UnknownField { object: of.name(), name: name.to_owned() };
        match (of, name) {
            (Operand::Root, "Machine") => Ok(Operand::Machine),
            (Operand::Root, "Env") => Ok(Operand::Env),
            (Operand::Root, "ProvisionerURL") => text(self.provisioner_url()),
            (Operand::Root, "ProvisionerAddress") => text(host(self.provisioner_url())),
            (Operand::Root, "ApiURL") => text(self.api_url.trim_end_matches('/')),
            (Operand::Env, "Name") => text(self.bootenv),
            (Operand::Machine, "UUID") => text(self.machine_text("Uuid")),
            (Operand::Machine, "Path") => text(&format!("machines/{}", self.machine_text("Uuid"))),
            (Operand::Machine, "Url") => {
                text(&format!("{}/machines/{}", self.provisioner_url(), self.machine_text("Uuid")))
            }
            (Operand::Machine, "ShortName") => text(self.machine_text("Name").split('.').next().unwrap_or_default()),
            (Operand::Machine, "HexAddress") => text(&self.hex_address().ok_or_else(unknown)?),
            // It revokes tokens; no kernel line needs it.
            (Operand::Machine, "Secret") => Err(unknown()),
            (Operand::Machine, field) => self.machine.get(field).cloned().map(Operand::Json).ok_or_else(unknown),
            (Operand::Json(Value::Object(map)), key) => Ok(Operand::Json(map.get(key).cloned().unwrap_or_default())),
            (Operand::Json(Value::Null), key) => Err(Problem::Unusable(format!(
                "the field {key} is asked of an expression that has no value; test for it with if or with first"
            ))),
            _ => Err(unknown()),
        }
    }

    /// The value of a parameter, `None` where it has none.
    pub(super) fn param(&self, name: &str, reading: Reading) -> Result<Option<Value>, Problem> {
        let composed = if reading == Reading::Composed { self.compose.value(name) } else { None };
        let value = composed.or_else(|| self.params.value(name)).cloned().or_else(|| default_of(name));
        match value {
            Some(value) if is_sealed(&value) => Err(Problem::Sealed(name.to_owned())),
            other => Ok(other),
        }
    }

    fn provisioner_url(&self) -> &str {
        self.provisioner_url.trim_end_matches('/')
    }

    fn machine_text(&self, field: &str) -> &str {
        self.machine.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The machine's IPv4 address in upper-case hexadecimal, as pxelinux names files.
    fn hex_address(&self) -> Option<String> {
        let address: Ipv4Addr = self.machine_text("Address").parse().ok()?;
        Some(format!("{:08X}", address.to_bits()))
    }
}

/// The defaults in the schemas of the server's own content. A server that resolves parameters has them in the answer,
/// a server that hands over what is set directly has not.
fn default_of(param: &str) -> Option<Value> {
    match param {
        KERNEL_CONSOLE => Some(DEFAULT_CONSOLE.into()),
        KERNEL_OPTIONS => Some("".into()),
        NETWORK_DATA => Some(Value::Object(serde_json::Map::new())),
        _ => None,
    }
}

/// The host of a URL, an IPv6 address without its brackets.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// `.NetmaskToCIDR`: how many bits of a dotted netmask are set.
pub(super) fn netmask_to_cidr(netmask: &str) -> Result<Value, Problem> {
    let prefix = netmask.parse::<IpAddr>().ok().and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok());
    let prefix = prefix.ok_or_else(|| Problem::Unusable(format!("NetmaskToCIDR: `{netmask}` is no netmask")))?;
    Ok(prefix.into())
}
