splits: u32,          // workgroups that share a unit's keys
row_tiles: u32,       // units per key head
first_split: u32,     // first split of this dispatch
