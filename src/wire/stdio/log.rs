//! Sends what this process logs to the server too, as the lines of its own log (logger.Line of its Go code).

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::outbox::Outbox;

/// The span in which a request is worked on; it has the fields `group` and `method`.
pub(super) const REQUEST_SPAN: &str = "request";

/// Longest message and longest value, in bytes: a line stays below the 64 KiB that a log reader may take.
const MAX_MESSAGE: usize = 16 * 1024;
const MAX_VALUE: usize = 4 * 1024;

/// One line for the server's log. Field names as the server's Go code has them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LogLine {
    /// Ties the lines of one request together; 0 outside of requests.
    group: u64,
    pub(super) seq: u64,
    time: String,
    pub(super) service: String,
    principal: &'static str,
    level: &'static str,
    file: String,
    line: u32,
    message: String,
    data: Vec<Map<String, Value>>,
    /// Set while an event is handled: the server makes an event of each line, and that must not feed itself.
    ignore_publish: bool,
}

impl LogLine {
    /// A line of the wire's own.
    pub(super) fn warning(message: String) -> Self {
        Self {
            group: 0,
            seq: 0,
            time: Timestamp::now().to_string(),
            service: String::new(),
            principal: "",
            level: "warn",
            file: file!().to_owned(),
            line: 0,
            message,
            data: Vec::new(),
            ignore_publish: false,
        }
    }
}

/// A tracing layer that forwards events of level info and above. It never blocks and never fails its caller.
#[derive(Debug)]
pub struct ServerLog {
    outbox: Outbox,
}

impl ServerLog {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self { outbox }
    }
}

impl<S> Layer<S> for ServerLog
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if attributes.metadata().name() == REQUEST_SPAN {
            let mut request = Request::default();
            attributes.record(&mut request);
            extensions.insert(request);
        } else {
            let mut told = Content::default();
            attributes.record(&mut told);
            extensions.insert(told);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let Some(level) = level_name(*metadata.level()) else { return };
        let mut request = Request::default();
        let mut told = Content::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            if let Some(found) = extensions.get::<Request>() {
                request = *found;
            }
            if let Some(found) = extensions.get::<Content>() {
                told.fields.extend(found.fields.clone());
            }
        }
        event.record(&mut told);
        self.outbox.log(LogLine {
            group: request.group,
            level,
            file: metadata.file().unwrap_or_default().to_owned(),
            line: metadata.line().unwrap_or_default(),
            data: if told.fields.is_empty() { Vec::new() } else { vec![told.fields] },
            ignore_publish: request.is_event,
            ..LogLine::warning(told.message)
        });
    }
}

/// The server's name of a level; `None` for what stays on stderr.
fn level_name(level: Level) -> Option<&'static str> {
    match level {
        Level::ERROR => Some("error"),
        Level::WARN => Some("warn"),
        Level::INFO => Some("info"),
        _ => None,
    }
}

/// What a line says of the request that it belongs to.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    group: u64,
    is_event: bool,
}

impl Visit for Request {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "group" {
            self.group = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "method" {
            self.is_event = value == "event";
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The message and fields of an event, or the fields of a span around it: which machine, which operation.
#[derive(Debug, Default)]
struct Content {
    message: String,
    fields: Map<String, Value>,
}

impl Content {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }

    fn put_text(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = shortened(text, MAX_MESSAGE);
        } else {
            self.put(field, shortened(text, MAX_VALUE).into());
        }
    }
}

impl Visit for Content {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, format!("{value:?}"));
    }
}

fn shortened(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push('…');
    }
    text
}
