//! Style and scripts of pages, and the libraries that draw their charts.

/// Style of every page.
pub(super) const STYLE: &str = include_str!("../../../assets/page/style.css");

/// Libraries that the charts are drawn with.
pub(super) const LIBRARY: [&str; 3] = [
    include_str!("../../../assets/vendor/d3.min.js"),
    "\n",
    include_str!("../../../assets/vendor/plot.umd.min.js"),
];

/// Scripts of every page, in the order in which they run.
pub(super) const SCRIPT: [&str; 4] = [
    include_str!("../../../assets/page/charts.js"),
    include_str!("../../../assets/page/tables.js"),
    include_str!("../../../assets/page/documents.js"),
    include_str!("../../../assets/page/main.js"),
];

/// Licences of the libraries.
pub(super) const LICENCES: &str = concat!(
    include_str!("../../../assets/vendor/d3.LICENSE"),
    "\n",
    include_str!("../../../assets/vendor/plot.LICENSE")
);
