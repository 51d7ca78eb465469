//! All machines, in pages that stay complete while machines come and go.
//!
//! A page begins behind the last key of the page before, not at an offset: a machine that is deleted meanwhile moves
//! all later ones forward, and one of them would be missed. A server that does not keep to that order is asked for the
//! whole list at once.

use serde_json::Value;
use tracing::debug;

use super::{Server, ServerError, ServerErrorKind};

/// Machines on a page. With all their parameters, inventories included, machines of half a megabyte are seen.
const PAGE: usize = 100;
/// More machines than this are no list of a server that we know; design is for ten thousand.
const LARGEST_LIST: usize = 1_000_000;

const DOING: &str = "listing the machines";

impl Server {
    /// All machines, sorted by UUID, each with those of its parameters that are named. One that is created or deleted
    /// meanwhile may be among them or not; every other one is.
    ///
    /// The parameters are asked for over all of the machine's sources. Whether a server does that in a list is not
    /// documented, so a parameter that is missing here may still hold: read it ([`Server::param`]) before anything is
    /// undone because it is missing.
    ///
    /// # Errors
    /// A request fails, or the list cannot be made complete.
    pub async fn machines(&self, params: &[&str]) -> Result<Vec<Value>, ServerError> {
        let mut machines = match self.machines_in_pages(params).await {
            Ok(Some(machines)) => machines,
            Ok(None) => self.page(params, &[]).await?,
            // An old server may refuse what it does not know to sort or filter by.
            Err(error) if matches!(error.kind(), ServerErrorKind::Refused(400..=499)) => {
                debug!(server = self.name(), %error, "listing the machines at once");
                self.page(params, &[]).await?
            }
            Err(error) => return Err(error),
        };
        machines.sort_by(|a, b| uuid(a).cmp(uuid(b)));
        Ok(machines)
    }

    /// `None` where the server does not keep to the order of the keys.
    async fn machines_in_pages(&self, params: &[&str]) -> Result<Option<Vec<Value>>, ServerError> {
        let limit = PAGE.to_string();
        let mut all: Vec<Value> = Vec::new();
        loop {
            let behind = all.last().map(|last| format!("Gt({})", uuid(last)));
            let mut query = vec![("sort", "Uuid"), ("limit", limit.as_str())];
            query.extend(behind.as_deref().map(|behind| ("Uuid", behind)));
            let page = self.page(params, &query).await?;
            // A page that is not full is no end: a server may have a smaller limit of its own.
            if page.is_empty() {
                return Ok(Some(all));
            }
            let joint = all.last().into_iter().chain(&page);
            if !joint.clone().zip(joint.skip(1)).all(|(one, next)| uuid(one) < uuid(next)) {
                debug!(server = self.name(), "the server does not list machines by key: listing them at once");
                return Ok(None);
            }
            all.extend(page);
            if all.len() > LARGEST_LIST {
                let answer = format!("gave more than {LARGEST_LIST} machines");
                return Err(self.error(ServerErrorKind::Answer, DOING, answer));
            }
        }
    }

    async fn page(&self, params: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, ServerError> {
        let wanted = params.join(",");
        let mut query = query.to_vec();
        query.push(("aggregate", "true"));
        query.push(if params.is_empty() { ("slim", "Params") } else { ("params", &wanted) });
        let page = self.get(DOING, &["machines"], &query, self.0.limits.list).await?;
        let mut page = match page {
            Value::Array(page) => page,
            Value::Null => Vec::new(),
            _ => return Err(self.misshapen(DOING, "a list of machines")),
        };
        if page.iter().any(|machine| uuid(machine).is_empty()) {
            return Err(self.misshapen(DOING, "a list of machines, each with its Uuid"));
        }
        for machine in &mut page {
            keep(machine, params);
        }
        Ok(page)
    }
}

fn uuid(machine: &Value) -> &str {
    machine.get("Uuid").and_then(Value::as_str).unwrap_or_default()
}

/// Drops the parameters that were not asked for, where the server sent them nevertheless.
fn keep(machine: &mut Value, params: &[&str]) {
    if let Some(own) = machine.get_mut("Params").and_then(Value::as_object_mut) {
        own.retain(|key, _| params.contains(&key.as_str()));
    }
}
