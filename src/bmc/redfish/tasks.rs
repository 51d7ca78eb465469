//! Work that a BMC accepted and does later: `202 Accepted` and the task behind it (rule R5).

use reqwest::StatusCode;
use serde_json::Value;

use super::answer::{Answer, Body, Refusal};
use super::message::{messages, spoken};
use super::value::{Resource, at, text};
use super::{Redfish, spoken_patience};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::Patience;

/// Where a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Running(Option<u8>),
    Done,
    Failed(String),
}

impl Redfish<'_> {
    /// Waits until the work behind an accepted request has ended; other answers have ended already.
    pub(super) async fn finish(&mut self, answer: Answer) -> Result<(), Error> {
        let outcome = self.outcome(&answer).await?;
        outcome.map_err(|refusal| self.client.refused(&refusal))
    }

    /// The same, with a task that failed as the refusal that it comes to: what it says means what it means in any answer.
    pub(super) async fn outcome(&mut self, answer: &Answer) -> Result<Result<(), Refusal>, Error> {
        if answer.status != StatusCode::ACCEPTED {
            return Ok(Ok(()));
        }
        // Without a monitor there is nothing to ask: the effect itself is looked at by every caller.
        let Some(monitor) = monitor(answer) else { return Ok(Ok(())) };
        let patience = Patience::of(self.client.limits().media);
        let mut wait = answer.retry_after;
        let mut seen = String::from("nothing yet");
        loop {
            let poll = self.client.limits().poll;
            self.client.pause(wait.map_or(poll, |asked| asked.min(poll * 5)), &format!("task {monitor}")).await?;
            let answer = match self.client.get_answer(&monitor).await {
                Ok(answer) => answer,
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    seen = error.to_string();
                    self.still(patience, &monitor, &seen)?;
                    continue;
                }
            };
            wait = answer.retry_after;
            match stage(&answer) {
                Stage::Done => return Ok(Ok(())),
                Stage::Failed(why) => return Ok(Err(Refusal::of_task(&monitor, &answer, &why))),
                Stage::Running(percent) => {
                    if let Some(percent) = percent {
                        self.operation.percent(percent);
                        seen = format!("{percent} %");
                    }
                    self.still(patience, &monitor, &seen)?;
                }
            }
        }
    }

    fn still(&self, patience: Patience, monitor: &str, seen: &str) -> Result<(), Error> {
        if !patience.is_over() {
            return Ok(());
        }
        let answer = format!("did not finish its task {monitor} {}; last seen: {seen}", spoken_patience(patience));
        Err(self.client.error(Kind::Timeout, answer))
    }
}

/// Where to ask how the work goes: the monitor, else the task that the body names.
fn monitor(answer: &Answer) -> Option<String> {
    let named = match &answer.body {
        Body::Json(body) => at(body, "@odata.id").and_then(text),
        _ => None,
    };
    match (&answer.location, named) {
        // An iBMC's monitor is below its task, and the task alone has the outcome (captures of an xFusion 2288H V7, 3.08).
        (Some(monitor), Some(task)) if monitor.strip_suffix("/Monitor").is_some_and(|of| of.ends_with(&task)) => {
            Some(task)
        }
        (Some(monitor), _) => Some(monitor.clone()),
        (None, named) => named,
    }
}

/// What an answer of a task monitor, or a task itself, says. A state that is not known is one still running: H3C's
/// `Mounting` is one; so are `Interrupted` and `Suspended`, which the schema expects to go on (DMTF Task).
fn stage(answer: &Answer) -> Stage {
    // A monitor disappears once its task has ended (DSP0266 12.2).
    if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Stage::Done;
    }
    let Body::Json(body) = &answer.body else {
        return if answer.status == StatusCode::ACCEPTED || !answer.is_success() {
            Stage::Running(None)
        } else {
            Stage::Done
        };
    };
    let task = Resource { body: body.clone(), ..Resource::default() };
    let percent = task.at("PercentComplete").and_then(Value::as_u64).and_then(|p| u8::try_from(p.min(100)).ok());
    let Some(state) = task.text("TaskState") else {
        return match (answer.status, answer.is_success()) {
            (StatusCode::ACCEPTED, _) => Stage::Running(percent),
            (_, true) => Stage::Done,
            (status, false) => Stage::Failed(format!("answered {status}: {}", spoken(&messages(body)))),
        };
    };
    let failed = |how: &str| {
        let words = spoken(&messages(body));
        Stage::Failed(if words.is_empty() { format!("ended as {how}") } else { format!("ended as {how}: {words}") })
    };
    match state.as_str() {
        "Completed" | "Mounted" => match task.text("TaskStatus").as_deref() {
            None | Some("OK" | "Warning") => Stage::Done,
            Some(status) => failed(&format!("{state}, {status}")),
        },
        "Exception" | "Killed" | "Cancelled" | "Failed" => failed(&state),
        _ => Stage::Running(percent),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::{Answer, Stage, monitor, stage};
    use crate::bmc::redfish::value::tests::any_json;

    fn answer(status: StatusCode, body: &Value) -> Answer {
        Answer::new(status, &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn only_known_final_states_end_a_task() {
        let seen = |state: &str, status: &str| {
            stage(&answer(StatusCode::OK, &json!({"TaskState": state, "TaskStatus": status})))
        };
        assert_eq!(seen("Completed", "OK"), Stage::Done);
        assert_eq!(seen("Mounted", "OK"), Stage::Done);
        assert_eq!(seen("Mounting", "OK"), Stage::Running(None));
        assert_eq!(seen("Starting", "OK"), Stage::Running(None));
        assert_eq!(seen("Interrupted", "OK"), Stage::Running(None));
        assert!(matches!(seen("Completed", "Critical"), Stage::Failed(_)));
        assert!(matches!(seen("Exception", "OK"), Stage::Failed(_)));
        assert_eq!(stage(&answer(StatusCode::ACCEPTED, &json!({"PercentComplete": 20}))), Stage::Running(Some(20)));
        assert_eq!(stage(&answer(StatusCode::NOT_FOUND, &json!({}))), Stage::Done);
        assert_eq!(stage(&Answer::new(StatusCode::NO_CONTENT, &HeaderMap::new(), b"")), Stage::Done);
    }

    #[test]
    fn a_failed_task_tells_why() {
        let body = json!({"TaskState": "Exception", "Messages": [{"MessageId": "LC068", "Message": "pending"}]});
        assert_eq!(
            stage(&answer(StatusCode::OK, &body)),
            Stage::Failed("ended as Exception: pending (LC068)".to_owned())
        );
    }

    #[test]
    fn the_monitor_is_asked_unless_it_is_below_the_task() {
        let asked = |location: Option<&str>, body: Value| {
            let accepted = answer(StatusCode::ACCEPTED, &body);
            monitor(&Answer { location: location.map(str::to_owned), ..accepted })
        };
        let task = || json!({"@odata.id": "/redfish/v1/TaskService/Tasks/7"});
        let monitors = "/redfish/v1/TaskService/TaskMonitors/7";
        assert_eq!(asked(Some(monitors), task()).as_deref(), Some(monitors));
        for location in
            ["/redfish/v1/TaskService/Tasks/7/Monitor", "https://10.0.0.9/redfish/v1/TaskService/Tasks/7/Monitor"]
        {
            assert_eq!(asked(Some(location), task()).as_deref(), Some("/redfish/v1/TaskService/Tasks/7"));
            assert_eq!(asked(Some(location), json!({})).as_deref(), Some(location));
        }
        assert_eq!(asked(None, task()).as_deref(), Some("/redfish/v1/TaskService/Tasks/7"));
        assert_eq!(asked(None, json!([])), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_judged_without_panic(status in 200_u16..600, body in any_json()) {
            let answer = answer(StatusCode::from_u16(status).unwrap_or_default(), &body);
            let _judged = (stage(&answer), monitor(&answer));
        }
    }
}
