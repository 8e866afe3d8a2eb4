//! Families of GPUs whose compilers and cores want other constants, told apart by what an adapter says of itself.

use crate::report::{AdapterKind, AdapterSummary, vendor};

/// A family of GPUs. Assumptions about each are in `gpu/profile.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// Intel before Xe2: Skylake's Gen9 to Alchemist and Meteor Lake. Subgroups of 8 to 32; 128 registers of 32 bytes a thread.
    IntelGen9,
    /// Intel Xe2: Lunar Lake, Battlemage. Subgroups of 16 and 32; 128 registers of 64 bytes a thread.
    IntelXe2,
    /// Intel Xe3: Panther Lake. Up to 256 registers a thread.
    IntelXe3,
    /// AMD GCN: subgroups of 64; 256 registers a SIMD for each lane.
    Gcn,
    /// AMD CDNA: subgroups of 64.
    Cdna,
    /// AMD RDNA 1 and 2: subgroups of 32 and 64, no matrix units.
    Rdna2,
    /// AMD RDNA 3 and later: matrix units.
    Rdna3,
    /// Apple's own.
    Apple,
    /// Qualcomm Adreno.
    Adreno,
    /// Arm Mali.
    Mali,
    /// NVIDIA before Volta.
    NvidiaPascal,
    /// NVIDIA from Volta on.
    Nvidia,
    /// NVIDIA from Volta on through Mesa's driver, whose compiler needs more registers.
    Nvk,
    /// A processor.
    Software,
    /// None of these: treated with care.
    Unknown,
}

/// Device ids of Panther Lake and Wildcat Lake, from Mesa's list.
fn is_xe3(device_id: u32) -> bool {
    (0xb080..=0xb0bf).contains(&device_id) || (0xfd80..=0xfd8f).contains(&device_id)
}

impl Architecture {
    /// The architecture of an adapter: by vendor and sizes of subgroups; by names where a backend has no vendor, such as
    /// Metal and browsers, whose names hold words such as `apple` or `xe-2lpg`.
    #[must_use]
    pub fn of(adapter: &AdapterSummary) -> Self {
        if matches!(adapter.kind, AdapterKind::Software | AdapterKind::Noop) {
            return Self::Software;
        }
        let name = adapter.name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let vendor = adapter.vendor_id;
        if vendor == vendor::INTEL || has(&["intel"]) {
            return Self::intel(adapter, &name);
        }
        if vendor == vendor::AMD || has(&["amd ", "radeon"]) {
            return Self::amd(adapter, &name);
        }
        if vendor == vendor::NVIDIA || has(&["nvidia", "geforce"]) {
            let pascal = [
                "gtx 10", "gtx 9", "gt 10", "quadro p", "quadro m", "tesla p", "tesla m", "pascal",
                "maxwell",
            ];
            return if has(&pascal) {
                Self::NvidiaPascal
            } else if has(&["nvk"]) {
                Self::Nvk
            } else {
                Self::Nvidia
            };
        }
        if has(&["apple"]) {
            return Self::Apple;
        }
        if vendor == vendor::QUALCOMM || has(&["adreno", "qualcomm"]) {
            return Self::Adreno;
        }
        if vendor == vendor::ARM || has(&["mali", "immortalis"]) {
            return Self::Mali;
        }
        Self::Unknown
    }

    fn intel(adapter: &AdapterSummary, name: &str) -> Self {
        if is_xe3(adapter.device_id) || name.contains("xe-3") || name.contains("xe3") {
            return Self::IntelXe3;
        }
        // From Xe2 on the narrowest subgroup has 16 invocations.
        if adapter.subgroup_min >= 16 || name.contains("xe-2") {
            return Self::IntelXe2;
        }
        Self::IntelGen9
    }

    fn amd(adapter: &AdapterSummary, name: &str) -> Self {
        if adapter.subgroup_min == 64 && adapter.subgroup_max == 64 {
            let cdna = [
                "instinct", "mi100", "mi200", "mi210", "mi250", "mi300", "cdna",
            ];
            return if cdna.iter().any(|word| name.contains(word)) {
                Self::Cdna
            } else {
                Self::Gcn
            };
        }
        let rdna3 = [
            "navi3", "navi4", "gfx11", "gfx12", "rx 7", "rx 9", "rdna-3", "rdna-4",
        ];
        let is_rdna3 =
            !adapter.cooperative_matrix.is_empty() || rdna3.iter().any(|word| name.contains(word));
        if is_rdna3 { Self::Rdna3 } else { Self::Rdna2 }
    }
}

#[cfg(test)]
mod tests {
    use super::Architecture::*;
    use super::*;
    use crate::report::CooperativeShape;

    fn adapter(
        name: &str,
        vendor_id: u32,
        device_id: u32,
        subgroups: (u32, u32),
    ) -> AdapterSummary {
        AdapterSummary {
            name: name.to_owned(),
            vendor_id,
            device_id,
            pci_bus_id: None,
            kind: AdapterKind::Discrete,
            backend: "vulkan".to_owned(),
            driver: String::new(),
            driver_info: String::new(),
            subgroup_min: subgroups.0,
            subgroup_max: subgroups.1,
            features: Vec::new(),
            limits: std::collections::BTreeMap::new(),
            cooperative_matrix: Vec::new(),
            timestamp_period_ns: None,
        }
    }

    /// Names and sizes as drivers report them.
    #[test]
    fn adapters_have_the_architecture_that_they_say() {
        for (name, vendor, device, subgroups, expected) in [
            (
                "Intel(R) UHD Graphics 620",
                0x8086,
                0x5917,
                (8, 32),
                IntelGen9,
            ),
            (
                "Intel(R) Arc(tm) A770M Graphics (DG2)",
                0x8086,
                0x5690,
                (8, 32),
                IntelGen9,
            ),
            (
                "Intel(R) Graphics (LNL)",
                0x8086,
                0x64a0,
                (16, 32),
                IntelXe2,
            ),
            (
                "Intel(R) Graphics (PTL)",
                0x8086,
                0xb080,
                (16, 32),
                IntelXe3,
            ),
            (
                "AMD Radeon RX Vega (RADV VEGA10)",
                0x1002,
                0x687f,
                (64, 64),
                Gcn,
            ),
            ("Null hardware (RADV MI200)", 0x1002, 0, (64, 64), Cdna),
            (
                "AMD Radeon RX 6800 XT (RADV NAVI21)",
                0x1002,
                0x73bf,
                (32, 64),
                Rdna2,
            ),
            (
                "AMD Radeon RX 7900 XTX (RADV NAVI31)",
                0x1002,
                0x744c,
                (32, 64),
                Rdna3,
            ),
            ("Null hardware (RADV GFX1201)", 0x1002, 0, (32, 64), Rdna3),
            ("Apple M1 (G13G B1)", 0x10005, 0, (32, 32), Apple),
            ("Apple M4 Pro", 0, 0, (32, 32), Apple),
            (
                "Turnip Adreno (TM) 750",
                0x5143,
                0x4305_1401,
                (64, 128),
                Adreno,
            ),
            ("Mali-G610", 0x13b5, 0xa867_0000, (16, 16), Mali),
            (
                "NVIDIA GeForce GTX 1080 Ti",
                0x10de,
                0x1b06,
                (32, 32),
                NvidiaPascal,
            ),
            ("NVIDIA H200", 0x10de, 0x2335, (32, 32), Nvidia),
            ("NVK ", 0x10de, 0x2684, (32, 32), Nvk),
            (
                "NVIDIA GeForce RTX 4090 (NVK AD102)",
                0x10de,
                0x2684,
                (32, 32),
                Nvk,
            ),
            ("a GPU that is new", 0x9999, 1, (16, 64), Unknown),
        ] {
            let found = Architecture::of(&adapter(name, vendor, device, subgroups));
            assert_eq!(found, expected, "{name}");
        }
        let mut new = adapter("AMD Radeon Graphics", 0x1002, 0, (32, 64));
        assert_eq!(Architecture::of(&new), Rdna2);
        new.cooperative_matrix = vec![CooperativeShape {
            m: 16,
            n: 16,
            k: 16,
            input: "f16".to_owned(),
            accumulator: "f32".to_owned(),
        }];
        assert_eq!(Architecture::of(&new), Rdna3);
        new.kind = AdapterKind::Software;
        assert_eq!(Architecture::of(&new), Software);
    }
}
