//! How many cores a GPU has, by its name: WebGPU does not tell. The figures are those of the vendor's product pages.

use super::architecture::Architecture;
use crate::report::AdapterSummary;

/// Streaming multiprocessors of NVIDIA's GPUs. A name stands for itself and for names that go on with a word of memory or form,
/// such as `A100-SXM4-80GB`.
const NVIDIA: &[(&str, u64)] = &[
    ("B200", 148),
    ("GH200", 132),
    ("H200", 132),
    ("H100", 132),
    ("H100 NVL", 132),
    ("H100 PCIe", 114),
    ("A100", 108),
    ("A40", 84),
    ("A30", 56),
    ("A10", 72),
    ("A10G", 80),
    ("L40S", 142),
    ("L40", 142),
    ("L4", 58),
    ("V100", 80),
    ("T4", 40),
    ("RTX 6000 Ada Generation", 142),
    ("RTX A6000", 84),
    ("RTX 5090", 170),
    ("RTX 5080", 84),
    ("RTX 5070 Ti", 70),
    ("RTX 5070", 48),
    ("RTX 5060 Ti", 36),
    ("RTX 5060", 30),
    ("RTX 4090", 128),
    ("RTX 4080 SUPER", 80),
    ("RTX 4080", 76),
    ("RTX 4070 Ti SUPER", 66),
    ("RTX 4070 Ti", 60),
    ("RTX 4070 SUPER", 56),
    ("RTX 4070", 46),
    ("RTX 4060 Ti", 34),
    ("RTX 4060", 24),
    ("RTX 3090 Ti", 84),
    ("RTX 3090", 82),
    ("RTX 3080 Ti", 80),
    ("RTX 3070 Ti", 48),
    ("RTX 3070", 46),
    ("RTX 3060 Ti", 38),
    ("RTX 2080 Ti", 68),
    ("RTX 2080 SUPER", 48),
    ("RTX 2080", 46),
    ("RTX 2070 SUPER", 40),
    ("RTX 2070", 36),
];

/// Cores of the adapter's GPU; `None` where its name is not known, and for GPUs that share a name with others, such as those
/// of laptops.
pub(super) fn cores(adapter: &AdapterSummary) -> Option<u64> {
    if Architecture::of(adapter) != Architecture::Nvidia {
        return None;
    }
    let mut name = adapter.name.as_str();
    for maker in ["NVIDIA ", "GeForce ", "Tesla "] {
        name = name.strip_prefix(maker).unwrap_or(name);
    }
    let goes_on = |known: &str| {
        name.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || is_form(rest))
    };
    let fitting = NVIDIA.iter().filter(|(known, _)| goes_on(known));
    let longest = fitting.max_by_key(|(known, _)| known.len());
    longest.map(|(_, cores)| *cores)
}

/// Whether what follows a name is memory or the form of the card: `-SXM4-80GB`, ` 80GB HBM3`.
fn is_form(rest: &str) -> bool {
    let word = rest.trim_start_matches([' ', '-']);
    rest.len() > word.len()
        && (word.starts_with(|c: char| c.is_ascii_digit())
            || ["SXM", "PCIE", "PCIe", "NVL"]
                .iter()
                .any(|form| word.starts_with(form)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::vendor;

    fn of(vendor_id: u32, name: &str) -> Option<u64> {
        cores(&AdapterSummary {
            vendor_id,
            name: name.to_owned(),
            ..crate::plan::tuning_tests::adapter()
        })
    }

    #[test]
    fn names_of_drivers_are_known() {
        for (name, expected) in [
            ("NVIDIA H200", Some(132)),
            ("NVIDIA H100 80GB HBM3", Some(132)),
            ("NVIDIA H100 PCIe", Some(114)),
            ("NVIDIA A100-SXM4-80GB", Some(108)),
            ("NVIDIA A10G", Some(80)),
            ("Tesla T4", Some(40)),
            ("NVIDIA GeForce RTX 4070 Ti SUPER", Some(66)),
            ("NVIDIA GeForce RTX 4090", Some(128)),
            // Another GPU in spite of its name.
            ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
            ("NVIDIA GeForce RTX 4090 D", None),
            ("NVIDIA GeForce GTX 1080", None),
            ("NVIDIA Graphics Device", None),
        ] {
            assert_eq!(of(vendor::NVIDIA, name), expected, "{name}");
        }
        assert_eq!(of(vendor::AMD, "AMD L4"), None);
    }
}
