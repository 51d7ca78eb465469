//! The Range header of a request (RFC 9110, 14.1 and 14.2): what part of an image it asks for.
//!
//! One range is answered as asked. Several are answered with the whole image, which a server may always do (14.2: "A server MAY ignore
//! the Range header field"): no BMC asks for several, an answer in parts (15.3.7.2) is what overlapping ranges by the thousand
//! make expensive, and the list is not even read to its end. What is no range is ignored as well, which 14.2 allows for an invalid
//! ranges-specifier and 14.1 asks for where the unit is not known.

use std::ops::Range;

/// What a request asks of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of it.
    Whole,
    /// These bytes: not empty, and inside the image.
    Part(Range<u64>),
    /// Bytes that the image does not have.
    Unsatisfiable,
}

/// Reads the value of a Range header against an image of `len` bytes. Never fails, and takes time in proportion to the
/// text before a second range.
#[must_use]
pub fn parse(value: &[u8], len: u64) -> Requested {
    let Some(set) = byte_ranges(value) else { return Requested::Whole };
    // 5.6.1.2: a recipient takes empty elements of a list for nothing.
    let mut ranges = set.split(|byte| *byte == b',').map(trim).filter(|range| !range.is_empty());
    let (Some(only), None) = (ranges.next(), ranges.next()) else { return Requested::Whole };
    let Some(dash) = only.iter().position(|byte| *byte == b'-') else { return Requested::Whole };
    let (first, last) = (&only[..dash], &only[dash + 1..]);
    match (Position::read(first), Position::read(last)) {
        (Position::Absent, Position::At(suffix)) => last_bytes(suffix, len),
        (Position::At(first), Position::Absent) => between(first, len, len),
        (Position::At(first), Position::At(last)) if first <= last => between(first, last.saturating_add(1), len),
        _ => Requested::Whole,
    }
}

/// What follows `bytes=`; names of units know no case (14.1).
fn byte_ranges(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

/// Without the blanks that a list may have around its elements (5.6.1, OWS).
fn trim(mut element: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = element {
        element = rest;
    }
    element
}

/// A number of a range.
enum Position {
    Absent,
    /// One past `u64` counts as the largest: no image has so many bytes.
    At(u64),
    Invalid,
}

impl Position {
    fn read(digits: &[u8]) -> Self {
        if digits.is_empty() {
            return Self::Absent;
        }
        let mut number = 0_u64;
        for byte in digits {
            if !byte.is_ascii_digit() {
                return Self::Invalid;
            }
            number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        }
        Self::At(number)
    }
}

fn last_bytes(suffix: u64, len: u64) -> Requested {
    between(len.saturating_sub(suffix), len, len)
}

fn between(start: u64, end: u64, len: u64) -> Requested {
    let end = end.min(len);
    if start < end { Requested::Part(start..end) } else { Requested::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Requested, parse};

    #[test]
    fn one_range_is_read_as_the_rfc_has_it() {
        let part = Requested::Part;
        for (value, requested) in [
            // RFC 9110, 14.1.2, its examples among them.
            ("bytes=0-499", part(0..500)),
            ("bytes=500-999", part(500..1000)),
            ("bytes=0-0", part(0..1)),
            ("bytes=-500", part(9500..10000)),
            ("bytes=9500-", part(9500..10000)),
            ("bytes=9999-", part(9999..10000)),
            ("bytes=0-", part(0..10000)),
            // Longer than the image: what there is of it.
            ("bytes=9000-10000", part(9000..10000)),
            ("bytes=0-18446744073709551615", part(0..10000)),
            ("bytes=0-99999999999999999999999", part(0..10000)),
            ("bytes=-10001", part(0..10000)),
            ("bytes=-99999999999999999999999", part(0..10000)),
            // Of no byte that there is.
            ("bytes=10000-", Requested::Unsatisfiable),
            ("bytes=10000-10000", Requested::Unsatisfiable),
            ("bytes=99999999999999999999999-", Requested::Unsatisfiable),
            ("bytes=-0", Requested::Unsatisfiable),
            // The unit in any case, blanks and empty elements of the list, zeros in front.
            ("Bytes=0-499", part(0..500)),
            ("bytes= 0-499 ", part(0..500)),
            ("bytes=,\t0-499, ,", part(0..500)),
            ("bytes=00000000000000000000000-0499", part(0..500)),
        ] {
            assert_eq!(parse(value.as_bytes(), 10000), requested, "{value}");
        }
    }

    #[test]
    fn several_ranges_and_what_is_no_range_ask_for_the_whole_image() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--1",
            "bytes=1",
            "bytes=5-4",
            "bytes=a-",
            "bytes=0-a",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=0 -4",
            "bytes=0- 4",
            "bytes =0-4",
            " bytes=0-4",
            "bytes:0-4",
            "bits=0-4",
            "bytes=0x0-4",
            "bytes=u-u",
            "bytes=0-1,2-3",
            "bytes=0-1,,,2-3",
            "bytes=0-,0-,0-",
            "bytes=0-1,nonsense",
            "bytes=0-1, bytes=2-3",
        ] {
            assert_eq!(parse(value.as_bytes(), 10000), Requested::Whole, "{value}");
        }
        let million = format!("bytes={}", "0-,".repeat(1_000_000));
        assert_eq!(parse(million.as_bytes(), 10000), Requested::Whole);
    }

    #[test]
    fn an_empty_image_has_no_range() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(parse(value.as_bytes(), 0), Requested::Unsatisfiable, "{value}");
        }
    }

    proptest! {
        /// Whatever is sent, a part is not empty and inside the image.
        #[test]
        fn any_text_gives_a_part_of_the_image_or_none(
            value in "(bytes=)?([0-9]{0,21}-?[0-9]{0,21}|[ ,0-9a-z=-]{0,40})", len: u64,
        ) {
            if let Requested::Part(part) = parse(value.as_bytes(), len) {
                prop_assert!(part.start < part.end && part.end <= len, "{value} of {len}: {part:?}");
            }
        }

        #[test]
        fn first_and_last_byte_come_back(first: u64, more: u32, len in 1_u64..) {
            let last = first.saturating_add(more.into());
            let expected = if first < len { Requested::Part(first..last.saturating_add(1).min(len)) } else { Requested::Unsatisfiable };
            prop_assert_eq!(parse(format!("bytes={first}-{last}").as_bytes(), len), expected);
        }
    }
}
