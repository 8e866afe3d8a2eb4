//! Keys that a query sees, and the lengths of KV loops.

use super::options::Mask;
use super::shape::Attention;

/// Longest sequence: shaders add a position, a difference of lengths and a side of the window in an `i32`.
pub(super) const MAX_SEQ: u64 = 1 << 30;

impl Attention {
    /// Keys that a query sees to the left and to the right of its own key, each with its own key.
    pub(in crate::ops) fn window_sides(&self) -> (u64, u64) {
        let window = self.window.map_or(MAX_SEQ, |keys| keys.min(MAX_SEQ));
        match self.mask {
            Mask::None => (window, window),
            Mask::Causal => (window, 1),
        }
    }

    /// Range of keys that `query` sees in a sequence of `queries` and `keys`.
    pub(in crate::ops) fn visible(
        &self,
        query: u64,
        queries: u64,
        keys: u64,
    ) -> std::ops::Range<u64> {
        let (left, right) = self.window_sides();
        let position = query.cast_signed() + keys.cast_signed() - queries.cast_signed();
        let clamp = |key: i64| key.clamp(0, keys.cast_signed()).cast_unsigned();
        let first = clamp(position - left.cast_signed() + 1);
        first..clamp(position + right.cast_signed()).max(first)
    }

    /// Keys that `queries` neighbouring queries see at most.
    pub(in crate::ops) fn most_visible(&self, queries: u64) -> u64 {
        let (left, right) = self.window_sides();
        self.seq_kv.min(left + right + queries - 2)
    }

    /// Keys of the KV loop of tile `index` of `tile` queries at most, from the first key that its first row sees to the last
    /// key that its last row sees.
    pub(in crate::ops) fn loop_length(&self, index: u64, tile: u64) -> u64 {
        // Shorter sequences of the batch see other keys.
        if self.has_lengths() {
            return self.most_visible(tile);
        }
        let first = index * tile;
        let last = self.seq_q.min(first + tile).max(first + 1) - 1;
        let [begin, end] = [first, last].map(|query| self.visible(query, self.seq_q, self.seq_kv));
        end.end.max(begin.start) - begin.start
    }

    /// Whether the KV loops of all tiles of `tile` queries are longer than `keys` together.
    pub(super) fn loops_exceed(&self, keys: u64, tile: u64) -> bool {
        let most = keys / self.all_heads().max(1);
        let mut sum = 0;
        (0..self.seq_q.div_ceil(tile)).any(|index| {
            sum += self.loop_length(index, tile);
            sum > most
        })
    }

    /// Queries that see one of `keys` neighbouring keys at most.
    pub(in crate::ops) fn most_seeing(&self, keys: u64) -> u64 {
        let (left, right) = self.window_sides();
        self.seq_q.min(left + right + keys - 2)
    }

    /// Queries from the first to the last that see a key of tile `index` of `tile` keys at most.
    pub(in crate::ops) fn seen_from(&self, index: u64, tile: u64) -> u64 {
        if self.has_lengths() {
            return self.most_seeing(tile);
        }
        let (left, right) = self.window_sides();
        let clamp = |query: i64| query.clamp(0, self.seq_q.cast_signed());
        // Query i stands at key i + shift.
        let shift = self.seq_kv.cast_signed() - self.seq_q.cast_signed();
        let first = (index * tile).cast_signed();
        let last = self.seq_kv.min((index + 1) * tile).cast_signed() - 1;
        let begin = clamp(first - shift - right.cast_signed() + 1);
        let end = clamp(last - shift + left.cast_signed());
        end.max(begin).abs_diff(begin)
    }

    /// Pairs of a query and a key that it sees in one head, at full lengths.
    pub(super) fn visible_pairs(&self) -> u64 {
        (0..self.seq_q)
            .map(|query| self.visible(query, self.seq_q, self.seq_kv))
            .map(|keys| keys.end - keys.start)
            .sum()
    }
}
