//! Adapters of a machine, and operations, kernels and suites of a build, as plain data: schema `ridgepoint.list/1`.

use super::adapter::AdapterSummary;
use super::run::Tool;
use serde::Serialize;

/// The schema that [`List`] is written in.
pub const LIST_SCHEMA: &str = "ridgepoint.list/1";

/// Adapters of a machine, and the operations, kernels and suites of this build.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct List {
    /// [`LIST_SCHEMA`].
    pub schema: &'static str,
    /// Versions and commit of the running build.
    pub tool: Tool,
    /// Adapters, as `--adapter` counts them.
    pub adapters: Vec<ListedAdapter>,
    /// Operations, as `--op` names them.
    pub operations: Vec<ListedOperation>,
    /// Suites, as `--suite` names them.
    pub suites: Vec<ListedSuite>,
}

/// An adapter of the machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedAdapter {
    /// Index that `--adapter` takes.
    pub index: usize,
    /// Self-description of the adapter.
    #[serde(flatten)]
    pub summary: AdapterSummary,
    /// Why no kernel runs on it, in words; null where kernels can.
    pub unable: Option<String>,
    /// Tunings that are kept for it, in words; null where there are none.
    pub tuning: Option<String>,
}

/// An operation with its kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedOperation {
    /// Name.
    pub name: &'static str,
    /// Result that the operation computes, in words.
    pub about: &'static str,
    /// Its shape as text, with an example.
    pub shape: &'static str,
    /// Ways to compute it.
    pub kernels: Vec<ListedKernel>,
}

/// A kernel with what it needs of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedKernel {
    /// Name.
    pub name: &'static str,
    /// How it works.
    pub about: &'static str,
    /// Element types that it works on.
    pub dtypes: Vec<&'static str>,
    /// Features of the device, by wgpu's names.
    pub features: Vec<String>,
    /// Invocations of the largest workgroup.
    pub workgroup_invocations: u32,
    /// Workgroup memory of the largest workgroup, in bytes.
    pub workgroup_bytes: u32,
    /// Files under `shaders/` that it dispatches.
    pub shaders: Vec<&'static str>,
}

/// A suite of workloads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ListedSuite {
    /// Name.
    pub name: &'static str,
    /// Question that it answers.
    pub about: &'static str,
    /// Rows that an adapter of the chosen one's kind gets.
    pub rows: usize,
    /// About how long the suite takes there, in seconds.
    pub expected_s: f64,
}
