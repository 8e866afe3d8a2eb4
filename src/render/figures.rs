//! Figures of reports. They know rows by their fields, and no operation by its name.

mod efficiency;
mod growth;
mod ladders;
mod roofs;
mod soak;
mod sweeps;
mod words;

use super::figure::Figure;
use crate::compare::{Comparison, letter};
use crate::report::{Report, RooflineReport};
use crate::roofline::Roofline;
use roofs::Adapter;

/// Figures of a run: its rows under the roofs, its soak, its kernels from the slowest to the fastest, its times by size, its
/// rates per watt.
pub(super) fn of_run(report: &Report) -> Vec<Figure> {
    let roofline = Roofline::from_ceilings(&report.ceilings);
    let roofs = roofline.map(|roofline| roofs::roofs(roofline, &report.rows));
    let growth = growth::growth(&report.rows);
    let ladders = ladders::ladders(&report.rows);
    let hierarchy = report.hierarchy.iter();
    let hierarchy = hierarchy.flat_map(|h| sweeps::working_sets(&h.sweep, &h.latency));
    let soak = soak::soak(report);
    let efficiency = efficiency::efficiency(&report.rows);
    let figures = roofs.into_iter().chain(soak).chain(ladders);
    let figures = figures.chain(growth).chain(hierarchy);
    figures.chain(efficiency).collect()
}

/// Figures of a roofline: its roofs, and what it measured by size.
pub(super) fn of_roofline(report: &RooflineReport) -> Vec<Figure> {
    let roofline = Roofline::from_report(report);
    let roofs = roofline.map(|roofline| roofs::roofs(roofline, &[]));
    let working_sets = sweeps::working_sets(&report.sweep, &report.latency);
    let transfers = sweeps::transfers(&report.transfers);
    let figures = roofs.into_iter().chain(working_sets);
    figures.chain(transfers).collect()
}

/// Figures of a comparison: the roofs of every file that has some, and its rows under them.
pub(super) fn of_comparison(comparison: &Comparison<'_>) -> Vec<Figure> {
    let inputs = comparison.inputs.iter().enumerate();
    let adapters = inputs.filter_map(|(file, input)| {
        let letter = letter(file);
        Some(Adapter {
            series: format!("{letter}: {}", input.results.adapter().name),
            letter,
            roofline: Roofline::from_results(&input.results).ok()?,
            rows: input.results.rows(),
        })
    });
    let adapters: Vec<_> = adapters.collect();
    let overlaid = (!adapters.is_empty()).then(|| roofs::overlaid(&adapters));
    overlaid.into_iter().collect()
}
