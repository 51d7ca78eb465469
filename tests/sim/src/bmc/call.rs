//! A request as the engine sees it, and what may come of it.

use serde_json::{Map, Value, json};

use super::machine::Machine;
use super::message::{Message, Refusal};
use super::profile::{Answer, Profile};

/// A request, without its transport.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The path without a slash at its end.
    pub(super) path: String,
    /// What follows a `?`.
    pub(super) query: Option<String>,
    pub(super) body: Body,
    pub(super) if_match: Option<String>,
}

/// A request's body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Malformed,
}

impl Call {
    /// The path below `/redfish/v1`, by segments.
    pub(super) fn segments(&self) -> Option<Vec<&str>> {
        let rest = self.path.strip_prefix("/redfish/v1")?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        Some(rest.split('/').filter(|segment| !segment.is_empty()).collect())
    }

    pub(super) fn reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// The body as an object; an empty one is `{}` where the profile takes that.
    pub(super) fn object(&self, profile: &Profile) -> Result<Map<String, Value>, Refusal> {
        match &self.body {
            Body::Json(Value::Object(object)) => Ok(object.clone()),
            Body::Empty if self.method == "POST" => match &profile.http.empty_body {
                None => Ok(Map::new()),
                Some(message) => Err(message.into()),
            },
            _ => Err((&profile.errors.malformed).into()),
        }
    }
}

/// What comes of a request.
pub(super) enum Act {
    /// An answer at once.
    Reply(Reply),
    /// Work, and success told so.
    Perform(Vec<Effect>, Answer),
}

/// A change of the machine, made under its lock.
pub(super) type Change = Box<dyn FnOnce(&mut Machine) -> Result<(), Refusal> + Send>;

/// One piece of work.
pub(super) enum Effect {
    /// Fetches an image and puts it in a drive.
    Insert { drive: usize, image: String },
    /// Changes the machine at once.
    Apply(Change),
    /// Starts a change of power; the change itself takes its time after the answer.
    Reset(Transition),
}

impl Effect {
    /// A change of the machine that cannot fail.
    pub(super) fn apply(change: impl FnOnce(&mut Machine) + Send + 'static) -> Effect {
        Effect::Apply(Box::new(move |machine| {
            change(machine);
            Ok(())
        }))
    }
}

/// A change of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    On,
    Off,
    Restart,
    Cycle,
    Nothing,
}

/// An answer, without its transport.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: Some(body) }
    }

    pub(super) fn no_content() -> Reply {
        Reply { status: 204, headers: Vec::new(), body: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn status(mut self, status: u16) -> Reply {
        self.status = status;
        self
    }

    pub(super) fn refusal(refusal: &Refusal, profile: &Profile) -> Reply {
        Reply { status: refusal.message.status, headers: Vec::new(), body: Some(refusal.body(&profile.errors)) }
    }

    pub(super) fn message(message: &Message, profile: &Profile) -> Reply {
        Reply::refusal(&message.into(), profile)
    }

    /// Success of work that was done before the answer.
    pub(super) fn done(answer: Answer, profile: &Profile) -> Reply {
        if answer == Answer::NoContent {
            return Reply::no_content();
        }
        let errors = &profile.errors;
        let mut entry = json!({"MessageId": errors.success});
        if errors.texts {
            entry["Message"] = json!("Done.");
            entry["Severity"] = json!("OK");
        }
        let reply = match &errors.code {
            // iLO wraps success in "error" as well (redfish-vendors 1.3: 200 with ExtendedInfo Success).
            Some(code) => Reply::ok(json!({"error": {"code": code, "message": "See @Message.ExtendedInfo.",
                "@Message.ExtendedInfo": [entry]}})),
            None => Reply::ok(json!({"@Message.ExtendedInfo": [entry]})),
        };
        if answer == Answer::Created { reply.status(201) } else { reply }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_those_below_the_root_and_of_nothing_else() {
        let call = |path: &str| Call {
            method: "GET".into(),
            path: path.into(),
            query: None,
            body: Body::Empty,
            if_match: None,
        };
        assert_eq!(call("/redfish/v1").segments(), Some(vec![]));
        assert_eq!(call("/redfish/v1/Systems/1").segments(), Some(vec!["Systems", "1"]));
        assert_eq!(call("/redfish/v10/Systems").segments(), None);
        assert_eq!(call("/").segments(), None);
    }
}
