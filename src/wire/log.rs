//! Sends what this process logs to the server too, as the lines of its own log (logger.Line of its Go code).
//!
//! A server may make an event of each line, and a line that an event causes must not cause another. So
//! `IgnorePublish` is false only where a caller asked for the work: on lines of a request that is no event, outside of
//! any transition. Lines of the event stream, of what the plugin does by itself, and of its start and end say true.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The span in which a request is worked on; it has the fields `group`, `method` and `verbosity`.
pub(super) const REQUEST_SPAN: &str = "request";

/// The span around the steps that follow a BootEnv change, whoever saw it.
const TRANSITION_SPAN: &str = "transition";

/// The methods by which a server hands us an event, on either wire.
const EVENT_METHODS: [&str; 2] = ["event", "publish"];

/// The target of lines about the way to the server itself. They stay on stderr: sent by that way, each would cause the
/// next.
pub(super) const LOCAL: &str = "drp_virtual_media::wire::local";

/// Filters that let through more of a request that asks for it with the field `verbosity` of its span.
pub const RAISED: [&str; 2] = ["[request{verbosity=1}]=debug", "[request{verbosity=2}]=trace"];

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
    /// See the module.
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
            ignore_publish: true,
        }
    }
}

/// A tracing layer that forwards events. It never blocks and never fails its caller.
pub struct ServerLog {
    sink: Arc<dyn Fn(LogLine) + Send + Sync>,
}

impl ServerLog {
    /// A layer that hands each line to `sink`, which must not block.
    pub(super) fn new(sink: impl Fn(LogLine) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink) }
    }
}

impl fmt::Debug for ServerLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerLog")
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
            if attributes.metadata().name() == TRANSITION_SPAN {
                extensions.insert(Transition);
            }
            let mut told = Content::default();
            attributes.record(&mut told);
            extensions.insert(told);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == LOCAL {
            return;
        }
        let mut request = None;
        let mut in_transition = false;
        let mut told = Content::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            if let Some(found) = extensions.get::<Request>() {
                request = Some(*found);
            }
            in_transition |= extensions.get::<Transition>().is_some();
            if let Some(found) = extensions.get::<Content>() {
                told.fields.extend(found.fields.clone());
            }
        }
        event.record(&mut told);
        (self.sink)(LogLine {
            group: request.map_or(0, |request: Request| request.group),
            level: level_name(*metadata.level()),
            file: metadata.file().unwrap_or_default().to_owned(),
            line: metadata.line().unwrap_or_default(),
            data: if told.fields.is_empty() { Vec::new() } else { vec![told.fields] },
            ignore_publish: in_transition || request.is_none_or(|request| request.is_event),
            ..LogLine::warning(told.message)
        });
    }
}

/// The server's name of a level.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Marks a span as [`TRANSITION_SPAN`].
struct Transition;

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
            self.is_event = EVENT_METHODS.contains(&value);
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
