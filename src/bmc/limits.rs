//! How long anything may take: each request, each wait, and the operation as a whole.

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use crate::words::spoken;

/// Upper bounds of one operation on one BMC. Every request and every wait is also bounded by what remains of `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// TCP and TLS handshake.
    pub connect: Duration,
    /// One request and its whole answer. Some BMCs hold an insert until the image is fetched, so well above a second.
    pub request: Duration,
    /// The whole operation, from asking for a turn on the BMC to the last verification.
    pub total: Duration,
    /// How long a BMC may take until an effect it accepted can be seen: media inserted or ejected, power changed, a task ended.
    pub media: Duration,
    /// Between two looks at a state that is awaited; every other wait is a multiple of it.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_mins(1),
            total: Duration::from_mins(5),
            media: Duration::from_mins(2),
            poll: Self::POLL,
        }
    }
}

impl Limits {
    /// The default of `poll`.
    pub(crate) const POLL: Duration = Duration::from_secs(2);

    /// How often a request is sent again to a BMC that says "not now".
    pub(crate) const TRIES: u32 = 6;

    /// The wait before try number `again` (1 is the first repetition): 5 s doubling to 30 s at the default poll of 2 s.
    pub(crate) fn backoff(&self, again: u32) -> Duration {
        let first = self.poll * 5 / 2;
        first.saturating_mul(1 << again.saturating_sub(1).min(8)).min(self.poll * 15)
    }

    /// How long a machine is watched after a reset before its state is believed: 15 s at the default poll.
    /// ironic waits as long before it judges a reboot.
    pub(crate) fn settle(&self) -> Duration {
        self.poll * 15 / 2
    }
}

/// The end of an operation's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    total: Duration,
}

impl Deadline {
    pub(crate) fn after(total: Duration) -> Self {
        let now = Instant::now();
        Self { at: now.checked_add(total).unwrap_or(now), total }
    }

    pub(crate) fn total(self) -> Duration {
        self.total
    }

    pub(crate) fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// A bounded wait for one effect, and how long it has lasted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    since: Instant,
    limit: Duration,
}

impl Patience {
    pub(crate) fn of(limit: Duration) -> Self {
        Self { since: Instant::now(), limit }
    }

    pub(crate) fn is_over(self) -> bool {
        self.since.elapsed() >= self.limit
    }

    pub(crate) fn limit(self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Limits;

    #[test]
    fn backoff_doubles_from_five_to_thirty_seconds() {
        let limits = Limits::default();
        let waits: Vec<u64> = (1..Limits::TRIES).map(|again| limits.backoff(again).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 30, 30]);
        assert_eq!(limits.settle(), Duration::from_secs(15));
    }
}
