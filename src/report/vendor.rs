//! Vendors of adapters, by the ids that backends give.

use super::adapter::AdapterSummary;

/// PCI vendors that are told from others by more than their names.
pub(crate) const AMD: u32 = 0x1002;
pub(crate) const NVIDIA: u32 = 0x10de;
pub(crate) const ARM: u32 = 0x13b5;
pub(crate) const QUALCOMM: u32 = 0x5143;
pub(crate) const INTEL: u32 = 0x8086;

/// Vendors of the PCI id database, and those of Vulkan's registry, whose ids begin at 0x10000.
const NAMES: &[(u32, &str)] = &[
    (AMD, "AMD"),
    (0x1010, "Imagination"),
    (0x106b, "Apple"),
    (NVIDIA, "NVIDIA"),
    (ARM, "Arm"),
    (0x1414, "Microsoft"),
    (0x14e4, "Broadcom"),
    (0x1ae0, "Google"),
    (QUALCOMM, "Qualcomm"),
    (INTEL, "Intel"),
    (0x10005, "Mesa"),
];

impl AdapterSummary {
    /// Name of the vendor: by the id, or by the adapter's name where a backend has no ids, such as Metal. An unknown id is
    /// shown as it is.
    #[must_use]
    pub fn vendor(&self) -> String {
        let of_id = NAMES.iter().find(|(id, _)| *id == self.vendor_id);
        let name = self.name.to_lowercase();
        let of_name = || {
            let mut names = NAMES.iter();
            names.find(|(_, vendor)| name.starts_with(&vendor.to_lowercase()))
        };
        match (of_id.or_else(of_name), self.vendor_id) {
            (Some((_, vendor)), _) => (*vendor).to_owned(),
            (None, 0) => super::adapter::UNKNOWN.to_owned(),
            (None, id) => format!("{id:#06x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Input;

    #[test]
    fn vendors_are_told_by_ids_and_else_by_names() {
        let mut adapter = Input::made_up("run.json").results.adapter().clone();
        for (id, name, vendor) in [
            (0x1002, "Radeon", "AMD"),
            (0x10005, "llvmpipe", "Mesa"),
            (0, "Apple M3 Max", "Apple"),
            (0, "Some GPU", "unknown"),
            (0x1234, "Some GPU", "0x1234"),
        ] {
            adapter.vendor_id = id;
            name.clone_into(&mut adapter.name);
            assert_eq!(adapter.vendor(), vendor);
        }
    }
}
