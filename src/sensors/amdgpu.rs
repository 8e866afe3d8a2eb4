//! Limits of AMD's GPUs, in the table of metrics of their Linux driver.

use crate::report::Limit;
use std::collections::BTreeSet;

/// Format and first content revision of a table, and the place of the limits that are the same for all GPUs, as
/// `kgd_pp_interface.h` of Linux has them. Other formats have none.
const PLACES: &[(u8, u8, usize)] = &[
    // GPUs with memory of their own.
    (1, 3, 112),
    // GPUs beside a processor. Later contents add fields behind these.
    (2, 2, 120),
];
/// Content revision of format 1 from which on the table is another one, for accelerators.
const ACCELERATORS: u8 = 4;

/// Bits of the limits, by the highest of each kind: limits of power, of current, of temperature. Bits above are others.
const KINDS: &[(u32, Limit)] = &[
    (16, Limit::PowerLimit),
    (32, Limit::Current),
    (56, Limit::Temperature),
    (64, Limit::Other),
];

/// Limits that hold by the table `metrics`; `None` for a table without them.
pub(super) fn limits(metrics: &[u8]) -> Option<BTreeSet<Limit>> {
    let (format, content) = (*metrics.get(2)?, *metrics.get(3)?);
    let is_known = |(of, least, _): &&(u8, u8, usize)| {
        *of == format && content >= *least && !(format == 1 && content >= ACCELERATORS)
    };
    let (_, _, place) = PLACES.iter().find(is_known)?;
    let bytes = metrics.get(*place..place + 8)?;
    let status = u64::from_le_bytes(bytes.try_into().ok()?);
    // A firmware that does not fill the field leaves all of its bits set.
    if status == u64::MAX {
        return None;
    }
    let bits = (0..64).filter(|bit| status >> bit & 1 == 1);
    let kind = |bit| KINDS.iter().find(|(end, _)| bit < *end);
    let kinds = bits.filter_map(|bit: u32| kind(bit).map(|(_, limit)| *limit));
    Some(kinds.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(format: u8, content: u8, place: usize, status: u64) -> Vec<u8> {
        let mut bytes = vec![0; place + 8];
        (bytes[2], bytes[3]) = (format, content);
        bytes[place..].copy_from_slice(&status.to_le_bytes());
        bytes
    }

    #[test]
    fn bits_are_limits_of_their_kind() {
        let of = |status| limits(&table(1, 3, 112, status)).unwrap();
        assert!(of(0).is_empty());
        assert_eq!(of(1 << 5), BTreeSet::from([Limit::PowerLimit]));
        let several = of(1 << 17 | 1 << 36 | 1 << 60);
        let expected = [Limit::Current, Limit::Temperature, Limit::Other];
        assert_eq!(several, BTreeSet::from(expected));
        let apu = limits(&table(2, 4, 120, 1 << 6));
        assert_eq!(apu, Some(BTreeSet::from([Limit::PowerLimit])));
    }

    #[test]
    fn other_tables_and_short_ones_tell_nothing() {
        for bytes in [
            table(1, 2, 112, 1),
            table(1, 4, 112, 1),
            table(3, 0, 112, 1),
            table(1, 3, 112, u64::MAX),
            table(1, 3, 112, 1)[..119].to_vec(),
            vec![120, 0, 1],
            Vec::new(),
        ] {
            assert_eq!(limits(&bytes), None);
        }
    }
}
