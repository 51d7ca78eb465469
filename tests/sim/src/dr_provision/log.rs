//! What was asked of the API, and what plugins said.

use std::collections::VecDeque;

use serde_json::Value;

/// Entries that are kept of each kind.
const KEPT: usize = 10_000;

/// A request to the API, as it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `GET`, …
    pub method: String,
    /// What follows `/api/v3/`, with the query.
    pub path: String,
    /// Who asked, as events name it: `user:…`, `plugin:…`; empty: nobody with a right to.
    pub principal: String,
    /// The body; null where it was none, or no JSON.
    pub body: Value,
    /// The answer's status; `None` while there is none.
    pub status: Option<u16>,
}

#[derive(Default)]
pub(super) struct Log {
    requests: VecDeque<Request>,
    /// Requests that are no longer kept.
    gone: usize,
    lines: VecDeque<Value>,
    published: VecDeque<Value>,
    stderr: VecDeque<String>,
    strays: VecDeque<String>,
}

impl Log {
    /// Adds a request and returns its number.
    pub(super) fn ask(&mut self, request: Request) -> usize {
        if self.requests.len() == KEPT {
            self.gone += 1;
        }
        keep(&mut self.requests, request);
        self.gone + self.requests.len() - 1
    }

    pub(super) fn answered(&mut self, number: usize, status: u16) {
        if let Some(request) = number.checked_sub(self.gone).and_then(|at| self.requests.get_mut(at)) {
            request.status = Some(status);
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn line(&mut self, line: Value) {
        keep(&mut self.lines, line);
    }

    pub(super) fn lines(&self) -> Vec<Value> {
        self.lines.iter().cloned().collect()
    }

    pub(super) fn publish(&mut self, event: Value) {
        keep(&mut self.published, event);
    }

    pub(super) fn published(&self) -> Vec<Value> {
        self.published.iter().cloned().collect()
    }

    pub(super) fn stderr_line(&mut self, line: String) {
        keep(&mut self.stderr, line);
    }

    pub(super) fn stderr(&self) -> String {
        self.stderr.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    pub(super) fn stray(&mut self, line: String) {
        keep(&mut self.strays, line);
    }

    pub(super) fn strays(&self) -> Vec<String> {
        self.strays.iter().cloned().collect()
    }
}

fn keep<T>(kept: &mut VecDeque<T>, item: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(item);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{KEPT, Log, Request};

    #[test]
    fn an_answer_finds_its_request_when_older_ones_are_gone() {
        let mut log = Log::default();
        let request = |path: usize| Request {
            method: "GET".to_owned(),
            path: path.to_string(),
            principal: String::new(),
            body: Value::Null,
            status: None,
        };
        let numbers: Vec<_> = (0..KEPT + 2).map(|path| log.ask(request(path))).collect();
        log.answered(numbers[0], 200);
        log.answered(numbers[KEPT], 404);
        let answered: Vec<_> = log.requests().into_iter().filter(|request| request.status.is_some()).collect();
        assert_eq!(answered.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), [KEPT.to_string()]);
    }
}
