//! Bad BMCs: each fault is one clear error with its code, and no fault outlasts its limit.
