//! The page that a document is set on.

/// Page that a document is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Characters of a line.
    pub width: usize,
    /// Whether text is coloured.
    pub colours: Colours,
}

impl Default for Page {
    /// Lines of 100 characters without colours, as files and pipes get them.
    fn default() -> Self {
        Self {
            width: 100,
            colours: Colours::Off,
        }
    }
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// By the escape sequences of ECMA-48, as terminals have them.
    On,
    /// Not at all.
    Off,
}
