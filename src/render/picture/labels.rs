//! Places of labels beside lines, such that no label lies on another, on a point, or beyond the plot.

/// A rectangle in pixels, its ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    /// Left, right.
    pub(super) x: (i32, i32),
    /// Top, bottom.
    pub(super) y: (i32, i32),
}

impl Area {
    /// The square around a point, `half` pixels to each side.
    pub(super) fn around((x, y): (i32, i32), half: i32) -> Self {
        Self {
            x: (x - half, x + half),
            y: (y - half, y + half),
        }
    }

    /// Squares along a line, so near to each other that no label fits between them.
    pub(super) fn along(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = Self> {
        let longest = (to.0 - from.0).abs().max((to.1 - from.1).abs());
        let steps = longest / STEP + 1;
        let between = move |from: i32, to: i32, i: i32| from + (to - from) * i / steps;
        (0..=steps)
            .map(move |i| Self::around((between(from.0, to.0, i), between(from.1, to.1, i)), 1))
    }

    fn meets(&self, other: &Self) -> bool {
        let overlap = |a: (i32, i32), b: (i32, i32)| a.0 <= b.1 && b.0 <= a.1;
        overlap(self.x, other.x) && overlap(self.y, other.y)
    }

    fn holds(&self, other: &Self) -> bool {
        let within = |a: (i32, i32), b: (i32, i32)| a.0 <= b.0 && b.1 <= a.1;
        within(self.x, other.x) && within(self.y, other.y)
    }
}

/// Pixels between the squares along a line, less than the height of a label.
const STEP: i32 = 8;
/// Places that are tried along a line.
const TRIES: i32 = 48;
/// Pixels between a line and its label.
const GAP: i32 = 5;

/// Finds places within a plot, one label after the other.
#[derive(Debug)]
pub(super) struct Labels {
    plot: Area,
    taken: Vec<Area>,
}

impl Labels {
    /// Places within `plot` that are on none of `taken`.
    pub(super) fn new(plot: Area, taken: Vec<Area>) -> Self {
        Self { plot, taken }
    }

    /// Place of a label of `size` beside the line from `from` to `to`, as near to `to` as there is room; `None` where there
    /// is none along the whole line.
    pub(super) fn place(
        &mut self,
        from: (i32, i32),
        to: (i32, i32),
        (width, height): (i32, i32),
    ) -> Option<Area> {
        let along = |from: i32, to: i32, i: i32| to + (from - to) * i / TRIES;
        let is_flat = from.1 == to.1;
        let tries = (0..=TRIES).flat_map(|i| {
            let (x, y) = (along(from.0, to.0, i), along(from.1, to.1, i));
            if is_flat {
                // Ends at the point, above the line or below it.
                let x = (x - width, x);
                [(x, y - GAP - height), (x, y + GAP)]
            } else {
                // Right below a line that rises, or left above it: no such place is on the line.
                let right = (x + GAP, x + GAP + width);
                let left = (x - GAP - width, x - GAP);
                [(right, y + GAP / 2), (left, y - GAP / 2 - height)]
            }
        });
        let mut areas = tries.map(|(x, top)| Area {
            x,
            y: (top, top + height),
        });
        let is_free = |area: &Area| {
            self.plot.holds(area) && !self.taken.iter().any(|taken| taken.meets(area))
        };
        let found = areas.find(is_free)?;
        self.taken.push(found);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLOT: Area = Area {
        x: (0, 400),
        y: (0, 300),
    };

    #[test]
    fn labels_keep_apart_from_each_other_and_from_points() {
        let point = Area::around((380, 85), 8);
        let mut labels = Labels::new(PLOT, vec![point]);
        let mut found = Vec::new();
        for y in [100, 104, 108, 290] {
            found.extend(labels.place((50, y), (400, y), (90, 16)));
        }
        found.extend(labels.place((390, 20), (10, 280), (90, 16)));
        assert_eq!(found.len(), 5);
        for (i, area) in found.iter().enumerate() {
            assert!(PLOT.holds(area) && !area.meets(&point), "{area:?}");
            assert!(
                found[..i].iter().all(|other| !other.meets(area)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_label_without_room_has_no_place() {
        let mut labels = Labels::new(PLOT, Vec::new());
        assert_eq!(labels.place((0, 100), (400, 100), (500, 16)), None);
        assert!(labels.place((0, 100), (400, 100), (300, 16)).is_some());
        let mut full = Labels::new(PLOT, vec![PLOT]);
        assert_eq!(full.place((0, 100), (400, 100), (10, 10)), None);
    }
}
