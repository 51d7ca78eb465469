//! The limits of a rendering: a template comes from people, and a mistake in it must not stop the plugin.

use serde_json::Value;

use super::error::{Fault, Problem};

/// How deep blocks, parentheses, templates and parameters that are templates may lie in each other.
const DEEPEST: usize = 100;

/// What a rendering may use up: a unit for each step and for each byte or item of each value that it handles. A real
/// template takes a few thousand.
const UNITS: usize = 4 * 1024 * 1024;

/// What is left of the limits.
pub(super) struct Budget {
    units: usize,
    depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { units: UNITS, depth: 0 }
    }
}

impl Budget {
    pub(super) fn spend(&mut self, units: usize, at: usize) -> Result<(), Fault> {
        self.units = self.units.checked_sub(units).ok_or_else(|| too_much(at, "the template works without end"))?;
        Ok(())
    }

    /// One level deeper, until [`Budget::ascend`].
    pub(super) fn descend(&mut self, at: usize) -> Result<(), Fault> {
        if self.depth >= DEEPEST {
            return Err(too_much(at, "the template calls itself, or is nested too deep"));
        }
        self.depth += 1;
        Ok(())
    }

    /// One level back up.
    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }
}

/// How much of the budget it costs to handle a value.
pub(super) fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len(),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => 1 + map.iter().map(|(key, value)| key.len() + weight(value)).sum::<usize>(),
    }
}

fn too_much(at: usize, message: &str) -> Fault {
    Fault::new(at, Problem::TooMuch(message.to_owned()))
}
