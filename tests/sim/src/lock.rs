//! Locks of tests: a test that panicked has failed already, and what these guard is valid after every statement.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock, whoever panicked with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
