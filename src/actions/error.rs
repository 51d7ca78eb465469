//! Why an action or a transition failed, with the server's code for it.
//!
//! The layers below say what was being done and what came back; here the machine is put in front, so that a line in a
//! log of ten thousand machines can be acted on.

use crate::bmc;
use crate::drp::models;
use crate::drp::server::{ServerError, ServerErrorKind};
use crate::iso;
use crate::machine::bootparams::BootParamsError;
use crate::machine::{Machine, MachineError, MechanismError, ParamError, WordError};
use crate::serve;

/// A failure as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// An HTTP status by the table of models.Error: 400, 404, 409, 500, 502, 503 or 504.
    pub code: u16,
    /// One sentence or two for people.
    pub message: String,
}

impl Error {
    fn new(code: u16, message: impl std::fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    pub(crate) fn parameter(message: impl std::fmt::Display) -> Self {
        Self::new(400, message)
    }

    pub(crate) fn unsupported(message: impl std::fmt::Display) -> Self {
        Self::new(404, message)
    }

    pub(crate) fn conflict(message: impl std::fmt::Display) -> Self {
        Self::new(409, message)
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, format!("{message}; this is a bug of the plugin, please report it with its log"))
    }

    pub(crate) fn too_slow(message: impl std::fmt::Display) -> Self {
        Self::new(504, message)
    }

    /// The same failure with the machine named in front.
    #[must_use]
    pub fn on(self, machine: &Machine) -> Self {
        Self { code: self.code, message: format!("machine {machine}: {}", self.message) }
    }

    /// The same failure with something more that the operator must know.
    pub(crate) fn adding(self, more: &str) -> Self {
        Self { code: self.code, message: format!("{}; {more}", self.message) }
    }

    /// The server's form of it, for the provider named `provider`.
    #[must_use]
    pub fn into_model(self, provider: &str) -> models::Error {
        models::Error {
            model: "plugin".to_owned(),
            key: provider.to_owned(),
            r#type: "rpc".to_owned(),
            messages: vec![self.message],
            code: self.code,
        }
    }
}

impl From<ParamError> for Error {
    fn from(error: ParamError) -> Self {
        Self::parameter(error)
    }
}

impl From<MachineError> for Error {
    fn from(error: MachineError) -> Self {
        Self::parameter(error)
    }
}

impl From<MechanismError> for Error {
    fn from(error: MechanismError) -> Self {
        match error {
            MechanismError::Param(error) => error.into(),
            MechanismError::Both | MechanismError::Neither => Self::conflict(error),
        }
    }
}

impl From<WordError> for Error {
    fn from(error: WordError) -> Self {
        Self::parameter(error)
    }
}

impl From<bmc::Error> for Error {
    fn from(error: bmc::Error) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        let code = match error.kind() {
            ServerErrorKind::Setup => 400,
            ServerErrorKind::NotFound => 404,
            ServerErrorKind::Conflict => 409,
            ServerErrorKind::Unreachable | ServerErrorKind::Timeout => 504,
            ServerErrorKind::TokenRefused | ServerErrorKind::Refused(_) | ServerErrorKind::Answer => 502,
        };
        Self::new(code, error)
    }
}

impl From<BootParamsError> for Error {
    fn from(error: BootParamsError) -> Self {
        Self::parameter(error)
    }
}

impl From<iso::Error> for Error {
    fn from(error: iso::Error) -> Self {
        match error {
            // What a machine's or an action's parameters name or hold.
            iso::Error::TemplateNotFound { .. }
            | iso::Error::TemplateName { .. }
            | iso::Error::BootEnvName { .. }
            | iso::Error::ArgumentsTooLong { .. } => Self::parameter(error),
            iso::Error::ForeignPlan { .. } => Self::internal(error),
            // Disk and templates are the state of the server's machine.
            _ => Self::conflict(error),
        }
    }
}

impl From<serve::Error> for Error {
    fn from(error: serve::Error) -> Self {
        Self::conflict(error)
    }
}

impl From<serve::TlsError> for Error {
    fn from(error: serve::TlsError) -> Self {
        Self::conflict(error)
    }
}
