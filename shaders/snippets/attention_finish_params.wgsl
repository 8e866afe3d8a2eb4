first_kept: u32,      // tile or workgroup whose sums come first in memory
kept: u32,            // tiles or workgroups whose sums are stored
rows: u32,            // rows per tile or workgroup
in_turn: u32,         // 1: one tile of every head comes before the next tile; 0: the tiles of a head follow each other
